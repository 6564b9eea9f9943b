#include "engine/runtime/build_id.h"

#include "storage/event/hex.h"

#include <elf.h>
#include <link.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace dalsegno::engine {

namespace {

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 3U) & ~std::size_t{3}; }

std::string hex(std::span<std::uint8_t const> bytes) {
  std::string text;
  for (auto const byte : bytes) text += storage::hex_text(std::array{byte});
  return text;
}

/// The build id among the notes of one segment.
std::string id_in(std::span<std::uint8_t const> notes) {
  constexpr char const* owner = "GNU";
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note{};
    std::memcpy(&note, notes.data(), sizeof note);
    notes = notes.subspan(sizeof note);
    auto const name = aligned(note.n_namesz);
    auto const content = aligned(note.n_descsz);
    if (name > notes.size() || content > notes.size() - name) break;
    bool const is_id = note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof "GNU" &&
                       std::memcmp(notes.data(), owner, sizeof "GNU") == 0;
    if (is_id) return hex(notes.subspan(name, note.n_descsz));
    notes = notes.subspan(name + content);
  }
  return {};
}

int look(dl_phdr_info* object, std::size_t, void* found) {
  std::span const segments(object->dlpi_phdr, object->dlpi_phnum);
  for (auto const& segment : segments) {
    if (segment.p_type != PT_NOTE) continue;
    auto const address = object->dlpi_addr + segment.p_vaddr;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): that is how the loader tells where it lies
    auto const* const bytes = reinterpret_cast<std::uint8_t const*>(address);
    auto id = id_in({bytes, segment.p_memsz});
    if (!id.empty()) *static_cast<std::string*>(found) = std::move(id);
  }
  return 1;  // the first one is the executable
}

}  // namespace

std::string build_id() {
  std::string found;
  dl_iterate_phdr(look, &found);
  return found.empty() ? "unknown" : found;
}

}  // namespace dalsegno::engine
