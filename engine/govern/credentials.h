#pragma once

#include "storage/access/token.h"

#include <optional>
#include <string>

namespace dalsegno::engine {

/// What somebody shows who wants to act as an operator.
struct Credentials {
  std::optional<access::Token> token;
  std::optional<access::Token> second;  ///< of a second person
  /// A name. It counts while the store has no operators' tokens; with a token it must be its
  /// owner's, or empty.
  std::string by;
};

}  // namespace dalsegno::engine
