#pragma once

// Values that the runtime itself handed out (credentials of tools, the model's key): found wherever
// they come back, also encoded.

#include "storage/vault/finding.h"
#include "storage/vault/literals.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::vault {

/// A shorter value would be found in everything.
inline constexpr std::size_t shortest_known_value = 6;

/// Thread: `add` by one at a time and not beside `find`; `find` from several threads is fine.
class KnownValues {
 public:
  KnownValues() = default;
  KnownValues(KnownValues const&) = delete;
  KnownValues& operator=(KnownValues const&) = delete;
  ~KnownValues();  ///< wipes the values

  /// `value` is found as it is, in base64 and base64url (at each of the three alignments), in
  /// hexadecimal digits of either case, percent-encoded, and escaped as in a JSON string. `kind`:
  /// as in a token. Returns false, and adds nothing, when it is shorter than
  /// `shortest_known_value`.
  bool add(std::string_view kind, std::string_view value);

  /// Appends what stands in `text`.
  void find(std::string_view text, std::vector<Finding>& findings) const;

  /// Where the first form begins that the end of `text` cuts off; npos: nowhere.
  [[nodiscard]] std::size_t open_from(std::string_view text) const;

  [[nodiscard]] bool empty() const { return kinds_.empty(); }

 private:
  std::vector<std::string> kinds_;
  LiteralSet forms_;
};

}  // namespace dalsegno::vault
