#include "activities/model/transcript.h"

#include "dalsegno/try.h"
#include "engine/policy/problems.h"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

namespace dalsegno::activities {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::string_view gzip_magic = "\x1F\x8B";

std::string_view trimmed(std::string_view text) {
  auto const first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string_view take_line(std::string_view& text) {
  auto const end = std::min(text.find('\n'), text.size());
  auto const line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

bool begins_value(std::string_view line) { return line.starts_with('{') || line.starts_with('['); }

bool is_transcript(std::string_view line) {
  line = trimmed(line);
  if (!begins_value(line)) return false;
  auto const value = parse_json(line);
  return value && (value->as_array() != nullptr || value->find("messages") != nullptr ||
                   value->find("traj") != nullptr);
}

/// Whether `text`, whose first line is no JSON, was meant to be one document over several lines
/// rather than many: what follows the first line is indented as a document's inside is, and none of
/// it is a transcript.
bool meant_as_one_document(std::string_view text) {
  take_line(text);
  bool first = true;
  while (!text.empty()) {
    auto const line = take_line(text);
    if (trimmed(line).empty()) continue;
    if (std::exchange(first, false) && begins_value(line)) return false;
    if (is_transcript(line)) return false;
  }
  return !first;
}

/// A short text or a whole number; "" for anything else.
std::string name_part(Json const* value) {
  if (value == nullptr) return {};
  if (auto const* const text = value->as_string()) return *text;
  return value->as_integer() != nullptr || value->as_big_integer() != nullptr ? to_string(*value)
                                                                              : std::string();
}

}  // namespace

Result<TranscriptReader> TranscriptReader::open(std::filesystem::path const& path,
                                                TranscriptLimits limits) {
  std::error_code code;
  auto const status = std::filesystem::status(path, code);
  if (status.type() == std::filesystem::file_type::not_found) {
    return Error{.code = Errc::not_found, .detail = path.string() + ": there is no such file"};
  }
  if (std::filesystem::is_directory(status)) {
    return Error{.code = Errc::io, .detail = path.string() + ": is a folder, not a file"};
  }
  auto in = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!*in) return Error{.code = Errc::io, .detail = path.string() + ": cannot be opened"};
  return TranscriptReader(std::move(in), path, limits);
}

TranscriptReader::TranscriptReader(std::unique_ptr<std::istream> in,
                                   std::filesystem::path const& file,
                                   TranscriptLimits limits)
    : in_(std::move(in)),
      lines_(*in_, limits.line_bytes),
      file_(file.string()),
      stem_(file.stem().string()) {}

std::optional<Result<Transcript>> TranscriptReader::next() {
  while (!ended_) {
    auto line = lines_.next();
    if (!line) {
      ended_ = true;
      if (lines_.failed())
        return Error{.code = Errc::io, .detail = file_ + ": cannot be read any further"};
      if (!any_line_) return error_at(1, "the file is empty");
      break;
    }
    if (line->number == 1 && line->text.starts_with(byte_order_mark))
      line->text.remove_prefix(byte_order_mark.size());
    if (!line->too_long && trimmed(line->text).empty()) continue;
    return read_line(*line);
  }
  return std::nullopt;
}

Result<Transcript> TranscriptReader::read_line(LineReader::Line const& line) {
  bool const first = !std::exchange(any_line_, true);
  if (line.too_long) {
    auto error = error_at(line.number, "the line is too long");
    error.code = Errc::too_large;
    return error;
  }
  if (first && line.text.starts_with(gzip_magic)) {
    ended_ = true;
    return error_at(line.number, "the file is compressed; unpack it with gunzip first");
  }
  auto const value = parse_json(line.text);
  if (value) return read_value(*value, line.number, {});
  auto error = error_of_parser(value.error(), line.number);
  return first ? read_first(line.number, std::move(error)) : error;
}

// The first line is no JSON. Either it is a bad line, or it begins a document over several lines.
Result<Transcript> TranscriptReader::read_first(std::size_t line, Error of_line) {
  auto text = lines_.rest();
  if (!text || lines_.failed()) return of_line;
  if (line == 1 && text->starts_with(byte_order_mark)) text->remove_prefix(byte_order_mark.size());
  auto const value = parse_json(*text);
  if (value) {
    ended_ = true;
    return read_value(*value, line, *text);
  }
  if (!meant_as_one_document(*text)) return of_line;
  ended_ = true;
  return error_of_parser(value.error(), line);
}

// `document` is the text when it goes over several lines: then an error can name the line of the
// message.
Result<Transcript> TranscriptReader::read_value(Json const& value,
                                                std::size_t line,
                                                std::string_view document) {
  auto const* const messages = value.find("messages");
  auto const* const traj = value.find("traj");
  if (messages != nullptr && traj != nullptr)
    return error_at(line, "has both \"messages\" and \"traj\"");
  if (value.as_object() != nullptr && messages == nullptr && traj == nullptr) {
    return error_at(line,
                    value.find("role") != nullptr
                        ? "is a single message; a transcript is a list of messages on one line"
                        : "has neither \"messages\" nor \"traj\"");
  }
  if (value.as_object() == nullptr && value.as_array() == nullptr) {
    return error_at(
        line, "a transcript must be an object or a list, not of kind " + std::string(value.kind()));
  }
  std::string_view const pointer = messages != nullptr ? "/messages"
                                   : traj != nullptr   ? "/traj"
                                                       : "";
  auto const& list = messages != nullptr ? *messages : traj != nullptr ? *traj : value;
  auto conversation = read_conversation(list);
  if (!conversation) {
    auto& [message, what] = conversation.error();
    if (!document.empty() && message) {
      auto const located = parse_located_json(document);
      if (located)
        line += located->place(std::string(pointer) + "/" + std::to_string(*message)).line - 1;
    }
    return error_at(line, std::move(what));
  }
  return Transcript{.file = file_,
                    .line = line,
                    .id = names_.take(wanted_name(value, line)),
                    .messages = std::move(*conversation)};
}

std::string TranscriptReader::wanted_name(Json const& value, std::size_t line) const {
  if (auto id = name_part(value.find("id")); !id.empty()) return id;
  auto const task = name_part(value.find("task_id"));
  auto const trial = name_part(value.find("trial"));
  if (task.empty()) return stem_ + "-line" + std::to_string(line);
  return stem_ + "-" + task + (trial.empty() ? "" : "-" + trial);
}

Error TranscriptReader::error_at(std::size_t line, std::string what) const {
  return {.code = Errc::invalid,
          .detail = file_ + ":" + std::to_string(line) + ": " + std::move(what)};
}

Error TranscriptReader::error_of_parser(Error const& error, std::size_t first_line) const {
  auto const [place, what] = engine::placed(error);
  return {.code = Errc::invalid,
          .detail = file_ + ":" + std::to_string(first_line + place.line - 1) + ":" +
                    std::to_string(place.column) + ": " + what};
}

Result<TranscriptFile> read_transcripts(std::filesystem::path const& path,
                                        TranscriptLimits limits) {
  TRY(auto reader, TranscriptReader::open(path, limits));
  TranscriptFile out;
  while (auto transcript = reader.next()) {
    if (*transcript) {
      out.transcripts.push_back(std::move(**transcript));
    } else if (transcript->error().code == Errc::io) {
      return std::move(transcript->error());
    } else {
      out.errors.push_back(std::move(transcript->error()));
    }
  }
  return out;
}

}  // namespace dalsegno::activities
