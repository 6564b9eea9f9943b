#include "engine/runtime/marker.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace dalsegno::engine {

namespace {

// A file of slots, one for each shard. Written by plain stores to the mapped page: they outlive the
// process.
enum class SlotState : std::uint8_t { idle = 0, running = 1, guilty = 2 };

constexpr std::size_t longest_tenant = 64;
constexpr std::size_t longest_name = 200;

struct Slot {
  SlotState state;
  std::uint8_t tenant_length;
  std::uint8_t name_length;
  std::array<std::uint8_t, 16> run;
  std::uint64_t sequence;
  std::array<char, longest_tenant> tenant;
  std::array<char, longest_name> name;
};
constexpr std::size_t slot_bytes = 512;
constexpr std::size_t most_slots = 256;
static_assert(sizeof(Slot) <= slot_bytes && alignof(Slot) <= slot_bytes);

Slot* slot_at(std::byte* place) { return reinterpret_cast<Slot*>(place); }  // NOLINT: mapped memory

// What this thread runs just now; read by the signal handler on the same thread.
thread_local std::byte* volatile running_slot = nullptr;

constexpr std::array fault_signals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

extern "C" void mark_guilty(int signal) {
  if (auto* const place = running_slot) slot_at(place)->state = SlotState::guilty;
  std::signal(signal, SIG_DFL);  // the default action, once this handler returns
  std::raise(signal);
}

void install_handlers() {
  for (int const signal : fault_signals) {
    struct sigaction current{};
    // A sanitizer or an embedder that handles the signal keeps it.
    if (sigaction(signal, nullptr, &current) != 0 || current.sa_handler != SIG_DFL) continue;
    struct sigaction action{};
    action.sa_handler = mark_guilty;
    sigemptyset(&action.sa_mask);
    action.sa_flags = static_cast<int>(SA_NODEFER | SA_RESETHAND);
    sigaction(signal, &action, nullptr);
  }
}

std::optional<Guilty> read(Slot const& slot) {
  if (slot.tenant_length > longest_tenant || slot.name_length > longest_name) return std::nullopt;
  Guilty found;
  found.run.bytes = slot.run;
  found.session = {std::string(slot.tenant.data(), slot.tenant_length),
                   std::string(slot.name.data(), slot.name_length)};
  found.sequence = slot.sequence;
  return found;
}

std::vector<Guilty> read_guilty(std::byte* page, std::size_t slots) {
  std::vector<Guilty> guilty;
  for (std::size_t i = 0; i < slots; ++i) {
    auto const& slot = *slot_at(page + i * slot_bytes);
    if (slot.state != SlotState::guilty) continue;
    if (auto found = read(slot)) guilty.push_back(std::move(*found));
  }
  return guilty;
}

std::uint64_t begun_after(std::uint64_t step) { return (step + 1) | 1U; }
std::uint64_t ended_after(std::uint64_t step) { return (step + 1) & ~std::uint64_t{1}; }

}  // namespace

Marker::Scope::Scope(Marker const& marker,
                     RunId const& run,
                     SessionId const& session,
                     Sequence sequence)
    : marker_(marker) {
  if (marker.slot_ == nullptr) return;
  auto& slot = *slot_at(marker.slot_);
  slot.run = run.bytes;
  slot.sequence = sequence;
  slot.tenant_length = static_cast<std::uint8_t>(std::min(session.tenant.size(), longest_tenant));
  slot.name_length = static_cast<std::uint8_t>(std::min(session.name.size(), longest_name));
  std::memcpy(slot.tenant.data(), session.tenant.data(), slot.tenant_length);
  std::memcpy(slot.name.data(), session.name.data(), slot.name_length);
  slot.state = SlotState::running;
  std::atomic_signal_fence(std::memory_order_release);
  running_slot = marker.slot_;
  marker.step_->store(begun_after(marker.step_->load(std::memory_order_relaxed)),
                      std::memory_order_release);
}

Marker::Scope::~Scope() {
  if (marker_.slot_ == nullptr) return;
  marker_.step_->store(ended_after(marker_.step_->load(std::memory_order_relaxed)),
                       std::memory_order_release);
  running_slot = nullptr;
  std::atomic_signal_fence(std::memory_order_release);
  slot_at(marker_.slot_)->state = SlotState::idle;
}

void Marker::next_step() const {
  if (step_ == nullptr) return;
  auto const step = step_->load(std::memory_order_relaxed);
  if (step % 2 == 1) step_->store(begun_after(step), std::memory_order_release);
}

Result<std::unique_ptr<MarkerFile>> MarkerFile::open(std::filesystem::path const& path) {
  auto const failed = [&path](char const* what) {
    return Error{Errc::io, path.string() + ": " + what + ": " + std::strerror(errno)};
  };
  constexpr std::size_t size = most_slots * slot_bytes;
  int const file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return failed("cannot open");
  if (ftruncate(file, static_cast<off_t>(size)) != 0) {
    auto error = failed("cannot size");
    close(file);
    return error;
  }
  auto* const mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped == MAP_FAILED) return failed("cannot map");
  auto* const page = static_cast<std::byte*>(mapped);
  auto guilty = read_guilty(page, most_slots);
  std::memset(page, 0, size);
  install_handlers();
  return std::unique_ptr<MarkerFile>(new MarkerFile(page, size, std::move(guilty)));
}

MarkerFile::MarkerFile(std::byte* page, std::size_t size, std::vector<Guilty> guilty)
    : page_(page),
      size_(size),
      steps_(std::make_unique<std::atomic<std::uint64_t>[]>(most_slots)),
      guilty_(std::move(guilty)) {}

MarkerFile::~MarkerFile() { munmap(page_, size_); }

Marker MarkerFile::marker(std::size_t shard) const {
  return shard < most_slots ? Marker(page_ + shard * slot_bytes, steps_[shard]) : Marker();
}

std::uint64_t MarkerFile::step(std::size_t shard) const {
  auto const step = shard < most_slots ? steps_[shard].load(std::memory_order_acquire) : 0;
  return step % 2 == 1 ? step : 0;
}

std::optional<Guilty> MarkerFile::accuse(std::size_t shard, std::uint64_t step) {
  if (step == 0 || this->step(shard) != step) return std::nullopt;
  auto& slot = *slot_at(page_ + shard * slot_bytes);
  auto found = read(slot);
  if (this->step(shard) != step) return std::nullopt;
  slot.state = SlotState::guilty;
  return found;
}

}  // namespace dalsegno::engine
