#pragma once

#include "dalsegno/result.h"

#include <string>
#include <string_view>

namespace dalsegno::http {

/// A host's name as it is asked of the resolver: ASCII, lower case, labels of 1 to 63 letters,
/// digits, '-' and '_', together at most 253 bytes; one dot at the end of `text` is taken away.
///
/// A label that is not ASCII must be a label of IDNA2008 as it stands but for ASCII capitals, and
/// becomes its A-label ("bücher" is "xn--bcher-kva"). Nothing is mapped: other capitals, full width
/// and circled characters, dots of other scripts are refused. A label that begins with "xn--" must
/// be what its own decoding gives.
/// Errors: Errc::invalid.
/// Thread: any.
[[nodiscard]] Result<std::string> canonical_name(std::string_view text);

/// Whether the last label is a number, decimal or hexadecimal: then a name is meant as an IPv4
/// address by some readers, however odd it is (127.1, 0x7f.1, 017700000001).
[[nodiscard]] bool ends_in_number(std::string_view name);

/// The part of `name` that has to be denied where a rule does not name it: "" for a name of two
/// labels or more outside the special domains (localhost, local, internal, home.arpa, onion, …).
[[nodiscard]] std::string_view special_part(std::string_view name);

}  // namespace dalsegno::http
