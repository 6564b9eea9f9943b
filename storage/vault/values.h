#pragma once

// Whether a value that is assigned to a telling name is a secret, or stands for one.

#include "storage/vault/rules.h"

#include <cstdint>
#include <string_view>

namespace dalsegno::vault {

/// What a field's name says of its value.
enum class FieldClass : std::uint8_t {
  none,
  password,  ///< chosen by people: anything goes
  token,     ///< made by machines: long, and no words
};

/// The class of a name such as "DB_PASSWORD", "clientSecret", "x-api-key".
[[nodiscard]] FieldClass class_of_field(FieldWords const& words, std::string_view name);

/// Whether `value` stands for a secret: "<your key>", "xxxxxxxx", "${TOKEN}", "changeme".
[[nodiscard]] bool is_placeholder(FieldWords const& words, std::string_view value);

enum class Quoted : std::uint8_t { no, yes };
/// Whether `value` is program text rather than a value: a call, a reference, a template.
[[nodiscard]] bool is_expression(std::string_view value, Quoted quoted);

/// Whether `value` looks made by a machine: 10 bytes or more without blanks, and not words.
[[nodiscard]] bool is_random(std::string_view value);

/// Whether it is a secret as the value of a token's field of this name: random, and under a name
/// that names nobody ("key", "authToken") neither a UUID nor a path.
[[nodiscard]] bool is_machine_made(std::string_view name, std::string_view value);

/// Whether `value` consists of words and short numbers ("key-meshing.v8").
[[nodiscard]] bool is_wordy(std::string_view value);

}  // namespace dalsegno::vault
