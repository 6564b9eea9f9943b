#pragma once

#include "activities/model/conversation.h"
#include "activities/model/line_reader.h"
#include "activities/model/session_names.h"
#include "dalsegno/result.h"

#include <cstddef>
#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::activities {

/// One recorded conversation: what a session is replayed or scored from.
struct Transcript {
  std::string file;
  std::size_t line = 1;  ///< where it begins
  std::string id;        ///< a valid session name, once in its file
  std::vector<RecordedMessage> messages;

  friend bool operator==(Transcript const&, Transcript const&) = default;
};

struct TranscriptLimits {
  std::size_t line_bytes = std::size_t{64}
                           << 20U;  ///< of a line; also of a document over several lines
};

/// Reads recorded conversations one after the other; only the line at hand is in memory.
///
/// A file has one transcript a line: an object whose member "messages" or "traj" is a list of chat
/// messages, or such a list itself. Or it is one such JSON document over several lines. Blank lines
/// are passed over, as is a byte order mark at the start. What a list of messages must look like:
/// `read_conversation`.
///
/// The session is named by the member "id"; else "<file's stem>-<task_id>-<trial>" of those
/// members; else
/// "<file's stem>-line<N>".
/// Thread: one at a time.
class TranscriptReader {
 public:
  /// Errors: Errc::not_found, Errc::io (also for a folder).
  [[nodiscard]] static Result<TranscriptReader> open(std::filesystem::path const& path,
                                                     TranscriptLimits limits = {});

  /// `file` names the stream in errors and, without its extension, in sessions.
  TranscriptReader(std::unique_ptr<std::istream> in,
                   std::filesystem::path const& file,
                   TranscriptLimits limits = {});

  /// The next transcript, or what is wrong with its line; nullopt at the end. A bad line does not
  /// affect the others. Errors: Errc::invalid and Errc::too_large, with detail "FILE:LINE: what" or
  /// "FILE:LINE:COLUMN: what" (not JSON); Errc::io when the file cannot be read any further.
  [[nodiscard]] std::optional<Result<Transcript>> next();

 private:
  Result<Transcript> read_line(LineReader::Line const& line);
  Result<Transcript> read_first(std::size_t line, Error of_line);
  Result<Transcript> read_value(Json const& value, std::size_t line, std::string_view document);
  std::string wanted_name(Json const& value, std::size_t line) const;
  Error error_at(std::size_t line, std::string what) const;
  Error error_of_parser(Error const& error, std::size_t first_line) const;

  std::unique_ptr<std::istream> in_;
  LineReader lines_;
  std::string file_;
  std::string stem_;
  SessionNames names_;
  bool any_line_ = false;  // there was one that is not blank
  bool ended_ = false;
};

struct TranscriptFile {
  std::vector<Transcript> transcripts;
  std::vector<Error> errors;  ///< one for each bad line
};

/// All of a file. Errors: of the file itself only, Errc::not_found and Errc::io.
[[nodiscard]] Result<TranscriptFile> read_transcripts(std::filesystem::path const& path,
                                                      TranscriptLimits limits = {});

}  // namespace dalsegno::activities
