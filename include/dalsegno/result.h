#pragma once

#include "dalsegno/compiler.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace dalsegno {

/// What kind of thing went wrong: few, for programs to branch on. The text for people is in
/// `Error::detail`.
enum class Errc : std::uint8_t {
  invalid,       ///< the request itself is wrong (bad name, bad JSON, over a limit of form)
  not_found,     ///< no such session, run, checkpoint, artifact, file
  conflict,      ///< the same id exists with another content
  stale,         ///< an append named a sequence that is no longer the head: nothing was appended
  fenced,        ///< an append named an epoch older than the store's: nothing was appended
  corrupt,       ///< bytes that fail verification (schema, checksum, chain)
  data_loss,     ///< the store holds less than it had acknowledged
  newer_format,  ///< written by a newer version: it may be shown, not run
  foreign,       ///< not a Dalsegno store
  locked,        ///< another process has the store open
  io,            ///< the disk refused; whether the write is there is unknown until it is read back
  no_space,      ///< below the floor of free space, or the disk is full
  too_large,     ///< over a size limit; nothing was written
  overloaded,    ///< over a limit of number (inbox, queue): try later; nothing was written
  denied,        ///< policy forbids it
  held,          ///< the session is held and takes no input
  ended,         ///< the session has ended and takes no input
  diverged,      ///< workflow code does not match its log
  unknown_workflow,  ///< no workflow of that name is registered in this program
  unavailable,       ///< the runtime is stopping or has stopped
  undecidable,       ///< cannot be known any more (erased)
  failed,            ///< it was taken in and recorded, and the workflow failed at it
};

/// The name of `code` as it stands in JSON output: the enumerator itself.
[[nodiscard]] std::string_view name_of(Errc code);

/// Why something failed: a code for programs and a sentence for people, with ids and numbers.
struct Error {
  Errc code = Errc::invalid;
  std::string detail;

  friend bool operator==(Error const&, Error const&) = default;
};

/// A value or an `Error`. Like `std::expected`, but a dropped one is a compiler warning.
template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  Result(Error error) : std::expected<T, Error>(std::unexpect, std::move(error)) {}  // NOLINT
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
 public:
  using std::expected<void, Error>::expected;
  Result(Error error) : std::expected<void, Error>(std::unexpect, std::move(error)) {}  // NOLINT
};

}  // namespace dalsegno
