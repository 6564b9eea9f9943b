#include "tools/dalsegno/policy_files.h"

#include "dalsegno/try.h"
#include "engine/policy/grammar.h"

#include <fstream>
#include <iterator>
#include <system_error>

namespace dalsegno::command {

Result<std::string> read_text(std::filesystem::path const& file) {
  std::error_code code;
  if (!std::filesystem::exists(file, code))
    return Error{Errc::not_found, file.string() + ": there is no such file"};
  std::ifstream in(file, std::ios::binary);
  // A file that is far too large is not read to its end to find out.
  std::string text(engine::max_document_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || std::filesystem::is_directory(file, code))
    return Error{Errc::io, file.string() + ": cannot be read"};
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

Result<PolicyFiles> PolicyFiles::read(std::vector<std::string> const& files) {
  PolicyFiles out;
  for (auto const& file : files) {
    TRY(auto text, read_text(file));
    out.files_.emplace_back(file, std::move(text));
  }
  return out;
}

std::vector<engine::PolicySource> PolicyFiles::sources() const {
  std::vector<engine::PolicySource> out;
  out.reserve(files_.size());
  for (auto const& [name, text] : files_) out.push_back({text, name});
  return out;
}

Result<engine::PolicySet> PolicyFiles::parse() const { return engine::PolicySet::parse(sources()); }

Result<engine::PolicySet> read_policies(std::vector<std::string> const& files) {
  TRY(auto const read, PolicyFiles::read(files));
  return read.parse();
}

}  // namespace dalsegno::command
