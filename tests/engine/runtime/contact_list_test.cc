#include "engine/runtime/contact_list.h"

#include "storage/event/codec.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace dalsegno::engine {
namespace {

Contact contact_with(std::string const& text) {
  return {.method = text,
          .url = text,
          .host = text,
          .answers = std::vector<std::string>(100, text),
          .address = text,
          .rules = std::vector<std::string>(100, text),
          .policy = text,
          .policy_rules = std::vector<std::string>(100, text),
          .outcome = text,
          .reason = text,
          .bytes_sent = 1,
          .bytes_received = 2};
}

TEST(ContactList, keeps_the_order) {
  ContactList list(nullptr);
  list.add({.method = "GET", .host = "a"});
  list.add({.method = "POST", .host = "b"});
  EXPECT_EQ(
      list.contacts(),
      (std::vector<Contact>{{.method = "GET", .host = "a"}, {.method = "POST", .host = "b"}}));
}

TEST(ContactList, says_how_much_it_left_out) {
  ContactList list(nullptr);
  for (int i = 0; i < 300; ++i) list.add({.bytes_sent = 10, .bytes_received = 1});
  auto const contacts = list.contacts();
  ASSERT_EQ(contacts.size(), ContactList::max_contacts);
  EXPECT_EQ(contacts.back().outcome, "left_out");
  EXPECT_EQ(contacts.back().bytes_sent, 450);
  EXPECT_EQ(contacts.back().bytes_received, 45);
  EXPECT_TRUE(contacts.back().reason.starts_with("45 more contacts are not listed"));
}

TEST(ContactList, fits_into_an_event_beside_the_largest_result_whatever_was_reported) {
  for (std::size_t const size : {0U, 1U, 40U, 400U, 5'000U}) {
    ContactList list(nullptr);
    for (int i = 0; i < 300; ++i) list.add(contact_with(std::string(size, 'x')));
    storage::OperationCompleted completed;
    completed.result.bytes.assign(storage::max_inline_payload_bytes, 'x');
    completed.contacts = list.contacts();
    EXPECT_FALSE(completed.contacts.empty());
    storage::Step step;
    step.header.session = {.name = "s"};
    step.events.push_back({1, OperationId{1}, completed});
    auto const encoded = storage::encode(step);
    EXPECT_TRUE(encoded) << size << ": " << encoded.error().detail;
  }
}

TEST(ContactList, cuts_long_texts_between_characters_and_long_lists) {
  ContactList list(nullptr);
  std::string text;
  while (text.size() < 5'000) text += "ä";
  list.add({.url = "x" + text, .answers = std::vector<std::string>(100, "192.0.2.1")});
  auto const contact = list.contacts().at(0);
  EXPECT_EQ(contact.url.size(), 4'095U + std::string("…").size());
  EXPECT_TRUE(contact.url.ends_with("ä…"));
  ASSERT_EQ(contact.answers.size(), 64U);
  EXPECT_EQ(contact.answers.back(), "… and 37 more");
}

TEST(ContactList, takes_contacts_from_several_threads) {
  ContactList list(nullptr);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&list] {
        for (int k = 0; k < 50; ++k) list.add({.bytes_sent = 1});
      });
  }
  EXPECT_EQ(list.contacts().size(), 200U);
}

}  // namespace
}  // namespace dalsegno::engine
