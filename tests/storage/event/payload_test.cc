#include "dalsegno/payload.h"

#include "tests/support/json_gen.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace dalsegno {
namespace {

enum class Currency : std::uint8_t { eur, usd };
BOOST_DESCRIBE_ENUM(Currency, eur, usd)

struct Item {
  std::string name;
  double price = 0;
  std::optional<std::uint32_t> count;
  friend bool operator==(Item const&, Item const&) = default;
};
BOOST_DESCRIBE_STRUCT(Item, (), (name, price, count))

struct Order {
  std::string id;
  std::vector<Item> items;
  std::map<std::string, std::int64_t> stock;
  Currency currency = Currency::eur;
  std::array<bool, 2> flags{};
  std::optional<Item> gift;
  Json extra;
  std::monostate nothing;
  friend bool operator==(Order const&, Order const&) = default;
};
BOOST_DESCRIBE_STRUCT(Order, (), (id, items, stock, currency, flags, gift, extra, nothing))

struct Basket {
  Order order;
};
BOOST_DESCRIBE_STRUCT(Basket, (), (order))

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  friend bool operator==(Tree const&, Tree const&) = default;
};
BOOST_DESCRIBE_STRUCT(Tree, (), (value, children))

struct Nothing {
  friend bool operator==(Nothing const&, Nothing const&) = default;
};
BOOST_DESCRIBE_STRUCT(Nothing, (), ())

struct Maybe {
  std::optional<int> a = 5;
  std::optional<int> b;
  friend bool operator==(Maybe const&, Maybe const&) = default;
};
BOOST_DESCRIBE_STRUCT(Maybe, (), (a, b))

class Account {
 public:
  Account() = default;
  explicit Account(std::int64_t balance) : balance_(balance) {}
  friend bool operator==(Account const&, Account const&) = default;

 private:
  std::int64_t balance_ = 0;
  BOOST_DESCRIBE_CLASS(Account, (), (), (), (balance_))
};

/// Members whose order by UTF-16 code units is neither that of the declaration nor that of the
/// alphabet.
struct Ordered {
  int zebra = 1;
  int Zebra = 2;
  int a_b = 3;
  int aB = 4;
  int a = 5;
  int \u00e4 = 6;
  int \uFF21 = 7;      // U+FF21: after …
  int \U0001D400 = 8;  // … U+1D400, which UTF-16 writes as D835 DC00
};
BOOST_DESCRIBE_STRUCT(Ordered, (), (zebra, Zebra, a_b, aB, a, \u00e4, \uFF21, \U0001D400))

template <class T>
std::string refusal(std::string_view text) {
  auto const value = from_json<T>(text);
  if (value) return "accepted";
  EXPECT_EQ(value.error().code, Errc::invalid);
  return value.error().detail;
}

template <class T>
void expect_round_trip(T const& value, std::string_view text) {
  EXPECT_EQ(to_json(value), text);
  auto const again = from_json<T>(text);
  ASSERT_TRUE(again) << text << ": " << again.error().detail;
  EXPECT_EQ(*again, value) << text;
}

TEST(Payload, writes_and_reads_every_kind_of_value) {
  expect_round_trip(true, "true");
  expect_round_trip(std::string("a\"\n\u20ac"), "\"a\\\"\\n\u20ac\"");
  expect_round_trip(-7, "-7");
  expect_round_trip(2.5, "2.5");
  expect_round_trip(0.1F, "0.10000000149011612");
  expect_round_trip(Currency::usd, "\"usd\"");
  expect_round_trip(std::optional<int>(), "null");
  expect_round_trip(std::optional<int>(3), "3");
  expect_round_trip(std::vector<bool>{true, false}, "[true,false]");
  expect_round_trip(std::vector<std::optional<int>>{1, std::nullopt}, "[1,null]");
  expect_round_trip(std::array<int, 2>{1, 2}, "[1,2]");
  expect_round_trip(std::map<std::string, double>{{"b", 1}, {"a", 0.5}}, R"({"a":0.5,"b":1})");
  expect_round_trip(std::monostate(), "null");
  expect_round_trip(Json("any"), "\"any\"");
  expect_round_trip(Nothing(), "{}");
  expect_round_trip(
      Tree{1, {{2, {}}, {3, {{4, {}}}}}},
      R"({"children":[{"children":[],"value":2},{"children":[{"children":[],"value":4}],"value":3}],"value":1})");
  expect_round_trip(Account(12), R"({"balance_":12})");
}

TEST(Payload, writes_whatever_is_text_as_a_string) {
  EXPECT_EQ(to_json("literal"), "\"literal\"");
  EXPECT_EQ(to_json(std::string_view("view")), "\"view\"");
}

TEST(Payload, is_written_in_canonical_form_whatever_the_order_of_declaration) {
  auto const text = to_json(Ordered());
  EXPECT_EQ(text,
            "{\"Zebra\":2,\"a\":5,\"aB\":4,\"a_b\":3,\"zebra\":1,\"\u00e4\":6,\"\U0001D400\":8,"
            "\"\uFF21\":7}");
  EXPECT_EQ(canonicalize(text).value_or(""), text);
  std::map<std::string, int> const map{{"\uFF21", 1}, {"\U0001D400", 2}, {"a", 3}};
  EXPECT_EQ(to_json(map), "{\"a\":3,\"\U0001D400\":2,\"\uFF21\":1}");
}

TEST(Payload, leaves_an_empty_member_out_and_reads_null_and_absence_as_empty) {
  EXPECT_EQ(to_json(Maybe{.a = std::nullopt, .b = 1}), R"({"b":1})");
  EXPECT_EQ(from_json<Maybe>("{}").value(), (Maybe{.a = std::nullopt, .b = std::nullopt}));
  EXPECT_EQ(from_json<Maybe>(R"({"a":null,"b":2})").value(), (Maybe{.a = std::nullopt, .b = 2}));
}

TEST(Payload, ignores_members_that_it_does_not_know) {
  auto const item = from_json<Item>(R"({"new":[1,{}],"name":"n","price":1,"zzz":null})");
  ASSERT_TRUE(item) << item.error().detail;
  EXPECT_EQ(*item, (Item{"n", 1.0, std::nullopt}));
}

TEST(Payload, names_the_path_of_what_does_not_fit) {
  auto const order = [](std::string_view items) {
    return std::string(R"({"order":{"id":"1","stock":{},"currency":"eur","flags":[true,true],)") +
           R"("extra":null,"nothing":null,"items":)" + std::string(items) + "}}";
  };
  EXPECT_EQ(refusal<Basket>(order("[]")), "accepted");
  EXPECT_EQ(refusal<Basket>(order(R"([{"name":"a","price":1},{"name":"b","price":"x"}])")),
            "order.items[1].price: expected number, got string");
  EXPECT_EQ(refusal<Basket>(order(R"([{"name":"a"}])")), "order.items[0].price: missing");
  EXPECT_EQ(refusal<Basket>(order("{}")), "order.items: expected array, got object");
  EXPECT_EQ(refusal<Basket>("{}"), "order: missing");
  EXPECT_EQ(refusal<Basket>("[]"), "expected object, got array");
  EXPECT_EQ((refusal<std::map<std::string, std::vector<bool>>>(R"({"a.b":[true,0]})")),
            "[\"a.b\"][1]: expected boolean, got number");
  EXPECT_EQ((refusal<std::array<int, 2>>("[1]")), "expected 2 items, got 1");
  EXPECT_EQ(refusal<Currency>("\"gbp\""), R"(expected one of "eur", "usd"; got "gbp")");
  EXPECT_EQ(refusal<Currency>("1"), "expected string, got number");
  EXPECT_EQ(refusal<std::monostate>("0"), "expected null, got number");
  EXPECT_EQ(refusal<Item>(R"({"name":"n","price":1,"count":-1})"),
            "count: expected an integer from 0 to 4294967295, got -1");
}

TEST(Payload, says_where_a_text_is_no_json) {
  EXPECT_EQ(refusal<Item>("{"),
            "line 1, column 2: expected a key in quotes, found the end of the text");
}

TEST(Payload, checks_the_range_of_integers) {
  expect_round_trip(std::int8_t{-128}, "-128");
  EXPECT_EQ(refusal<std::int8_t>("128"), "expected an integer from -128 to 127, got 128");
  EXPECT_EQ(refusal<std::uint8_t>("-1"), "expected an integer from 0 to 255, got -1");
  expect_round_trip(std::numeric_limits<std::int64_t>::min(), "-9223372036854775808");
  expect_round_trip(std::numeric_limits<std::uint64_t>::max(), "18446744073709551615");
  EXPECT_NE(refusal<std::int64_t>("9223372036854775808"), "accepted");
  EXPECT_NE(refusal<std::uint64_t>("18446744073709551616"), "accepted");
  EXPECT_NE(refusal<std::uint64_t>("-9223372036854775808"), "accepted");
  EXPECT_NE(refusal<int>("99999999999999999999999999"), "accepted");
}

TEST(Payload, takes_a_number_without_fraction_for_an_integer_however_it_is_written) {
  EXPECT_EQ(from_json<int>("5.0").value(), 5);
  EXPECT_EQ(from_json<int>("1e3").value(), 1000);
  EXPECT_EQ(from_json<unsigned>("-0").value(), 0U);
  EXPECT_NE(refusal<int>("5.5"), "accepted");
  EXPECT_NE(refusal<std::int64_t>("1e17"), "accepted");
  EXPECT_NE(refusal<int>("1e300"), "accepted");
}

TEST(Payload, reads_a_large_double_that_was_written_without_an_exponent) {
  expect_round_trip(1e20, "100000000000000000000");
  expect_round_trip(9007199254740992.0, "9007199254740992");
  EXPECT_EQ(refusal<double>("1" + std::string(400, '0')), "the number is too large for a double");
  EXPECT_EQ(refusal<float>("1e300"), "the number is too large for a float");
}

TEST(Payload, is_never_written_with_what_json_cannot_say) {
  EXPECT_THROW((void)to_json(std::string("\xFF")), std::invalid_argument);
  EXPECT_THROW((void)to_json(std::map<std::string, int>{{"\xFF", 1}}), std::invalid_argument);
  EXPECT_THROW((void)to_json(Json("\xFF")), std::invalid_argument);
  EXPECT_THROW((void)to_json(std::nan("")), std::invalid_argument);
  EXPECT_THROW((void)to_json(std::numeric_limits<float>::infinity()), std::invalid_argument);
  EXPECT_THROW((void)to_json(Currency{9}), std::invalid_argument);
}

rc::Gen<Item> any_item() {
  return rc::gen::construct<Item>(
      test::utf8_text(),
      test::finite_double(),
      rc::gen::map(
          rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::arbitrary<std::uint32_t>()),
          [](auto const& pair) { return pair.first ? std::optional(pair.second) : std::nullopt; }));
}

RC_GTEST_PROP(Payload, read_from_what_was_written_is_the_same, ()) {
  Order order;
  order.id = *test::utf8_text();
  order.items = *rc::gen::container<std::vector<Item>>(any_item());
  order.stock = *rc::gen::container<std::map<std::string, std::int64_t>>(
      test::utf8_text(), rc::gen::arbitrary<std::int64_t>());
  order.currency = *rc::gen::element(Currency::eur, Currency::usd);
  order.flags = {*rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>()};
  if (*rc::gen::arbitrary<bool>()) order.gift = *any_item();
  order.extra = *parse_json(canonical(*rc::gen::arbitrary<Json>()));
  auto const text = to_json(order);
  RC_ASSERT(canonicalize(text).value_or("") == text);
  auto const again = from_json<Order>(text);
  RC_ASSERT(again);
  RC_ASSERT(*again == order);
  RC_ASSERT(to_json(*again) == text);
}

RC_GTEST_PROP(Payload, does_not_fail_on_any_json_of_another_shape, (Json const& value)) {
  auto const text = to_string(value);
  auto const order = from_json<Basket>(text);
  RC_ASSERT(order || !order.error().detail.empty());
  (void)from_json<Tree>(text);
  (void)from_json<std::vector<std::map<std::string, std::int64_t>>>(text);
}

}  // namespace
}  // namespace dalsegno
