// A strict reader of RFC 8259. It is our own because no library at hand keeps the promises of
// json.h: RapidJSON refuses integers of more than 309 digits and zeros with a large exponent, stops
// at a NUL byte, and would leave duplicate keys, places and sentences to us; the others round.
// tests/storage/event/json_test.cc compares it with RapidJSON.

#include "dalsegno/json.h"
#include "storage/event/foreign_json.h"
#include "storage/event/json_places.h"
#include "storage/event/json_scanner.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>

namespace dalsegno {

namespace {

/// One pass over a text. Every reading function returns false after `fail`, and then nothing else
/// is read. It recurses once per level of nesting, at most `max_json_depth` deep.
class Reader {
 public:
  enum class Duplicates : std::uint8_t { refused, last_counts };

  Reader(std::string_view text,
         storage::JsonPlaces* places,
         Duplicates duplicates = Duplicates::refused)
      : scanner_(text), places_(places), duplicates_(duplicates) {}

  Result<Json> read() {
    Json value;
    if (read_text(value)) return value;
    auto const place = place_of(scanner_.text(), scanner_.failure().offset);
    return Error{Errc::invalid,
                 "line " + std::to_string(place.line) + ", column " + std::to_string(place.column) +
                     ": " + scanner_.failure().what};
  }

 private:
  bool read_text(Json& out) {
    if (scanner_.rest().starts_with("\xEF\xBB\xBF"))
      return scanner_.fail(0, "the text begins with a byte order mark");
    scanner_.skip_blanks();
    if (!read_value(out)) return false;
    scanner_.skip_blanks();
    if (!scanner_.at_end()) return scanner_.fail_here("expected nothing after the value");
    return true;
  }

  bool read_value(Json& out) {
    if (places_) {
      places_->record_value(scanner_.offset());
      if (places_->is_full())
        return scanner_.fail(scanner_.offset(), "the paths of all values are too long together");
    }
    switch (scanner_.peek()) {
      case '{':
        return read_object(out);
      case '[':
        return read_array(out);
      case '"': {
        std::string string;
        if (!scanner_.read_string(string)) return false;
        out = std::move(string);
        return true;
      }
      case 't':
        return read_word("true", true, out);
      case 'f':
        return read_word("false", false, out);
      case 'n':
        return read_word("null", nullptr, out);
      default:
        break;
    }
    if (scanner_.peek() == '-' || (scanner_.peek() >= '0' && scanner_.peek() <= '9'))
      return scanner_.read_number(out);
    return scanner_.fail_here("expected a value");
  }

  bool read_word(std::string_view word, Json value, Json& out) {
    if (!scanner_.rest().starts_with(word)) return scanner_.fail_here("expected a value");
    scanner_.skip(word.size());
    out = std::move(value);
    return true;
  }

  bool deepen() {
    if (++depth_ <= max_json_depth) return true;
    return scanner_.fail(scanner_.offset(),
                         "nested deeper than " + std::to_string(max_json_depth) + " levels");
  }

  bool read_array(Json& out) {
    if (!deepen()) return false;
    scanner_.skip(1);
    Json::Array items;
    scanner_.skip_blanks();
    if (!scanner_.consume(']')) {
      do {
        scanner_.skip_blanks();
        if (!read_item(items)) return false;
        scanner_.skip_blanks();
      } while (scanner_.consume(','));
      if (!scanner_.consume(']')) return scanner_.fail_here("expected ',' or ']'");
    }
    --depth_;
    out = std::move(items);
    return true;
  }

  bool read_item(Json::Array& items) {
    auto const outer = places_ ? places_->pointer_size() : 0;
    if (places_) places_->enter(std::to_string(items.size()));
    if (!read_value(items.emplace_back())) return false;
    if (places_) places_->leave(outer);
    return true;
  }

  bool read_object(Json& out) {
    if (!deepen()) return false;
    scanner_.skip(1);
    Json::Object members;
    auto const outer_names = name_offsets_.size();
    scanner_.skip_blanks();
    if (!scanner_.consume('}')) {
      do {
        scanner_.skip_blanks();
        if (!read_member(members)) return false;
        scanner_.skip_blanks();
      } while (scanner_.consume(','));
      if (!scanner_.consume('}')) return scanner_.fail_here("expected ',' or '}'");
    }
    if (duplicates_ == Duplicates::last_counts) {
      keep_last(members);
    } else if (!refuse_duplicates(members, outer_names)) {
      return false;
    }
    name_offsets_.resize(outer_names);
    --depth_;
    out = std::move(members);
    return true;
  }

  bool read_member(Json::Object& members) {
    if (scanner_.peek() != '"') return scanner_.fail_here("expected a key in quotes");
    auto const name_offset = scanner_.offset();
    if (members.empty()) members.reserve(4);
    auto& member = members.emplace_back();
    if (!scanner_.read_string(member.name)) return false;
    name_offsets_.push_back(name_offset);
    scanner_.skip_blanks();
    if (!scanner_.consume(':')) return scanner_.fail_here("expected ':' after the key");
    scanner_.skip_blanks();
    auto const outer = places_ ? places_->pointer_size() : 0;
    if (places_) {
      places_->enter(member.name);
      places_->record_name(name_offset);
    }
    if (!read_value(member.value)) return false;
    if (places_) places_->leave(outer);
    return true;
  }

  static void keep_last(Json::Object& members) {
    std::map<std::string, std::size_t, std::less<>> places;
    std::size_t kept = 0;
    for (auto& member : members) {
      auto const [known, fresh] = places.try_emplace(member.name, kept);
      if (fresh) {
        if (&members[kept] != &member) members[kept] = std::move(member);
        ++kept;
      } else {
        members[known->second].value = std::move(member.value);
      }
    }
    members.resize(kept);
  }

  bool refuse_duplicates(Json::Object const& members, std::size_t first_name) {
    constexpr std::size_t few = 16;
    auto const fail_at = [&](std::size_t index) {
      constexpr std::size_t longest = 64;
      auto name = members[index].name;
      if (name.size() > longest) {
        auto cut = longest;
        while ((name[cut] & 0xC0) == 0x80) --cut;  // not within a character
        name = name.substr(0, cut) + "...";
      }
      std::string quoted;
      append_quoted(quoted, name);
      return scanner_.fail(name_offsets_[first_name + index],
                           "the key " + quoted + " is there twice");
    };
    if (members.size() <= few) {
      for (std::size_t later = 1; later < members.size(); ++later)
        for (std::size_t earlier = 0; earlier < later; ++earlier)
          if (members[later].name == members[earlier].name) return fail_at(later);
      return true;
    }
    std::vector<std::size_t> sorted(members.size());
    for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = i;
    std::ranges::sort(sorted, [&](std::size_t a, std::size_t b) {
      auto const order = members[a].name <=> members[b].name;
      return order != 0 ? order < 0 : a < b;
    });
    auto duplicate = members.size();
    for (std::size_t i = 1; i < sorted.size(); ++i)
      if (members[sorted[i]].name == members[sorted[i - 1]].name)
        duplicate = std::min(duplicate, sorted[i]);
    return duplicate == members.size() || fail_at(duplicate);
  }

  storage::JsonScanner scanner_;
  storage::JsonPlaces* places_;  // may be absent
  Duplicates duplicates_;
  std::size_t depth_ = 0;
  // Where the names of all open objects stand, the outermost first.
  std::vector<std::size_t> name_offsets_;
};

}  // namespace

Result<Json> parse_json(std::string_view text) { return Reader(text, nullptr).read(); }

Result<Json> storage::parse_foreign_json(std::string_view text) {
  return Reader(text, nullptr, Reader::Duplicates::last_counts).read();
}

Result<LocatedJson> parse_located_json(std::string_view text) {
  storage::JsonPlaces places(text);
  auto value = Reader(text, &places).read();
  if (!value) return std::move(value).error();
  return LocatedJson{std::move(*value), places.take()};
}

}  // namespace dalsegno
