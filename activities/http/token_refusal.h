#pragma once

#include <string_view>

namespace dalsegno::http {

/// Throws ActivityError ("invalid_request") when a part of a request, called `where`, holds a token
/// of redaction: a far side can do nothing with one, and an address that holds one is none. In a
/// body it may be right: text that somebody reads.
void refuse_tokens(std::string_view where, std::string_view text);

}  // namespace dalsegno::http
