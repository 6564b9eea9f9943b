#include "tests/corpus/affinity_trace.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "tests/corpus/rows.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno::corpus {
namespace {

using activities::BlockDigest;

constexpr std::uint32_t hash_ids_block_tokens = 512;
constexpr std::int64_t max_blocks = 1'000'000;

/// Spreads `value` over 64 bits (the finalizer of SplitMix64).
std::uint64_t mixed(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31U);
}

std::uint64_t hash_of(std::string_view text) { return mixed(std::hash<std::string_view>{}(text)); }

Result<std::int64_t> whole(Row const& row, std::string_view name) {
  auto const* value = row.value.find(name);
  auto const* number = value != nullptr ? value->as_integer() : nullptr;
  if (number == nullptr || *number < 0)
    return Error(Errc::invalid,
                 place_of(row) + ": \"" + std::string(name) + "\" is no integer from 0 on");
  return *number;
}

Result<Json::Array const*> list(Row const& row, std::string_view name) {
  auto const* value = row.value.find(name);
  if (value == nullptr || value->as_array() == nullptr)
    return Error(Errc::invalid, place_of(row) + ": \"" + std::string(name) + "\" is no list");
  return value->as_array();
}

Result<TraceCall> read_hash_ids(Row const& row) {
  TraceCall call;
  TRY(auto const at, whole(row, "timestamp"));
  TRY(auto const input, whole(row, "input_length"));
  TRY(auto const output, whole(row, "output_length"));
  TRY(auto const* const ids, list(row, "hash_ids"));
  call.at = std::chrono::milliseconds(at);
  call.input_tokens = static_cast<std::uint64_t>(input);
  call.output_tokens = static_cast<std::uint64_t>(output);
  for (auto const& id : *ids) {
    if (id.as_integer() == nullptr)
      return Error(Errc::invalid, place_of(row) + ": an id of \"hash_ids\" is no integer");
    call.blocks.push_back(BlockDigest{mixed(static_cast<std::uint64_t>(*id.as_integer()))});
  }
  if (!call.blocks.empty())
    call.session =
        static_cast<std::uint64_t>(call.blocks[std::min<std::size_t>(1, call.blocks.size() - 1)]);
  call.thread = call.session;
  return call;
}

Result<> append_run(Row const& row, Json const& run, std::uint64_t owner, TraceCall& call) {
  auto const* pair = run.as_array();
  auto const* first = pair && pair->size() == 2 ? (*pair)[0].as_integer() : nullptr;
  auto const* length = pair && pair->size() == 2 ? (*pair)[1].as_integer() : nullptr;
  if (first == nullptr || length == nullptr || *length < 0 || *length > max_blocks)
    return Error(Errc::invalid, place_of(row) + ": \"blocks\" has to be [[first id, length], ..]");
  for (std::int64_t i = 0; i < *length; ++i)
    call.blocks.push_back(BlockDigest{mixed(owner ^ static_cast<std::uint64_t>(*first + i))});
  return {};
}

Result<TraceCall> read_runs(Row const& row) {
  TraceCall call;
  TRY(auto const input, whole(row, "in"));
  TRY(auto const output, whole(row, "out"));
  TRY(auto const shared, whole(row, "fam_blocks"));
  TRY(auto const* const runs, list(row, "blocks"));
  auto const* at = row.value.find("at");
  auto const seconds = at != nullptr ? at->as_double() : std::nullopt;
  if (!seconds || !(*seconds >= 0 && *seconds < 1e9))
    return Error(Errc::invalid, place_of(row) + ": \"at\" is no time in seconds");
  call.at = std::chrono::microseconds(std::llround(*seconds * 1e6));
  call.input_tokens = static_cast<std::uint64_t>(input);
  call.output_tokens = static_cast<std::uint64_t>(output);
  call.session = hash_of(row.value.text("session"));
  call.thread = mixed(call.session ^ hash_of(row.value.text("agent")));
  for (auto const& run : *runs) TRY_VOID(append_run(row, run, call.session, call));
  auto const family = hash_of(row.value.text("family"));
  auto const end = std::min(static_cast<std::size_t>(shared), call.blocks.size());
  for (std::size_t i = 0; i < end; ++i) call.blocks[i] = BlockDigest{mixed(family ^ i)};
  return call;
}

}  // namespace

Result<Trace> read_trace(std::filesystem::path const& path) {
  Trace trace;
  TRY_VOID(for_each_row(path, [&](Row const& row) -> Result<> {
    bool const has_ids = row.value.find("hash_ids") != nullptr;
    auto const block_tokens = has_ids ? hash_ids_block_tokens : 0;
    TRY(auto const size, has_ids ? Result<std::int64_t>(block_tokens) : whole(row, "block_size"));
    if (size == 0 || size > 1'000'000 || (!trace.calls.empty() && trace.block_tokens != size))
      return Error(Errc::invalid, place_of(row) + ": the size of a block changes, or is 0");
    trace.block_tokens = static_cast<std::uint32_t>(size);
    TRY(auto call, has_ids ? read_hash_ids(row) : read_runs(row));
    call.row = trace.calls.size();
    trace.calls.push_back(std::move(call));
    return {};
  }));
  std::ranges::sort(
      trace.calls, {}, [](TraceCall const& call) { return std::pair(call.at, call.row); });
  return trace;
}

}  // namespace dalsegno::corpus
