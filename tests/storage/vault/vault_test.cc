#include "storage/vault/vault.h"

#include "storage/memory/memory_log.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "storage/vault/seal.h"
#include "tests/support/append_script.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace dalsegno::vault {
namespace {

using storage::VaultRecord;
using storage::test::AppendScript;
using storage::test::input;

std::string const one_key(64, '1');
std::string const other_key(64, '2');
Reason const someone{"jane", "asked to", Time(std::chrono::seconds(1))};

MasterKeys keys(std::string const& text) { return MasterKeys::parse(text).value(); }

Replacement replacement(Redactor const& redactor, std::string const& original) {
  auto const token = "[secret:password:" + redactor.digits(original) + "]";
  return {.pointer = {},
          .begin = 0,
          .end = original.size(),
          .kind = "password",
          .category = "secret",
          .token = token,
          .original = original};
}

class VaultTest : public testing::Test {
 protected:
  /// Appends a step of `session` that carries what the vault wants kept.
  void keep(AppendScript& script, Vault& vault, std::vector<std::string> const& originals) {
    std::vector<Replacement> replaced;
    for (auto const& original : originals) replaced.push_back(replacement(redactor_, original));
    auto append = script.next({input("1")});
    append.secret = storage::SessionSecret{};
    append.vault = vault.seal(script.session(), replaced).value();
    records_ = append.vault.size();
    ASSERT_TRUE(log_->append({&append, 1})->each.front());
  }

  Redactor redactor_{storage::SessionSecret{{5}}};
  std::unique_ptr<storage::EventLog> log_ = storage::open_memory(storage::make_memory_store(1));
  AppendScript script_{*log_, {"default", "a"}};
  std::size_t records_ = 0;
};

TEST_F(VaultTest, opens_what_was_sealed_also_after_a_restart) {
  {
    Vault vault(*log_, keys(one_key));
    keep(script_, vault, {"hunter2", "swordfish"});
    EXPECT_EQ(records_, 3U) << "the key and two originals";
    keep(script_, vault, {"hunter2"});
    EXPECT_EQ(records_, 0U) << "all of it is there";
  }
  Vault const vault(*log_, keys(one_key));
  EXPECT_EQ(vault.open(script_.session(), redactor_.digits("hunter2")).value(), "hunter2");
  EXPECT_EQ(vault.open(script_.session(), redactor_.digits("other")).error().code, Errc::not_found);
  EXPECT_EQ(vault.open({"default", "b"}, redactor_.digits("hunter2")).error().code,
            Errc::not_found);
  EXPECT_EQ(vault
                .reveal(script_.session(),
                        "use " + replacement(redactor_, "swordfish").token +
                            " and [secret:x:0000000000000000]",
                        [](auto) { return true; })
                .value(),
            "use swordfish and [secret:x:0000000000000000]");
}

TEST_F(VaultTest, carries_the_key_in_every_append_until_one_is_in_the_store) {
  Vault vault(*log_, keys(one_key));
  auto const lost =
      vault.seal(script_.session(), std::vector{replacement(redactor_, "hunter2")}).value();
  keep(script_, vault, {"hunter2"});
  EXPECT_EQ(records_, 2U);
  EXPECT_EQ(log_->vault_record(script_.session(), "key").value(), lost[0].bytes) << "the same key";
  EXPECT_EQ(vault.open(script_.session(), redactor_.digits("hunter2")).value(), "hunter2");
}

TEST_F(VaultTest, refuses_two_values_under_one_token) {
  Vault vault(*log_, keys(one_key));
  keep(script_, vault, {"hunter2"});
  auto clash = replacement(redactor_, "hunter2");
  clash.original = "another";
  EXPECT_EQ(vault.seal(script_.session(), std::vector{clash}).error().code, Errc::conflict);
}

TEST_F(VaultTest, says_which_master_key_is_missing_rather_than_damaged) {
  Vault vault(*log_, keys(one_key));
  keep(script_, vault, {"hunter2"});
  Vault const stranger(*log_, keys(other_key));
  EXPECT_EQ(stranger.open(script_.session(), redactor_.digits("hunter2")).error().code,
            Errc::denied);
}

TEST_F(VaultTest, keeps_everything_readable_while_and_after_the_master_key_is_rotated) {
  AppendScript other(*log_, {"default", "b"});
  {
    Vault vault(*log_, keys(one_key));
    keep(script_, vault, {"hunter2"});
    keep(other, vault, {"swordfish"});
  }
  Vault both(*log_, keys(other_key + '\n' + one_key));
  EXPECT_EQ(both.open(script_.session(), redactor_.digits("hunter2")).value(), "hunter2");
  auto const first = both.rotate().value();
  EXPECT_EQ(first.rewrapped, 2U);
  auto const again = both.rotate().value();
  EXPECT_EQ(again.rewrapped, 0U);
  EXPECT_EQ(again.current, 2U);
  Vault const only_new(*log_, keys(other_key));
  EXPECT_EQ(only_new.open(script_.session(), redactor_.digits("hunter2")).value(), "hunter2");
  EXPECT_EQ(only_new.open(other.session(), redactor_.digits("swordfish")).value(), "swordfish");
}

TEST_F(VaultTest, makes_tokens_with_one_key_for_the_life_of_the_store) {
  auto const first = Vault(*log_, keys(one_key)).redaction_key().value();
  Vault both(*log_, keys(other_key + '\n' + one_key));
  EXPECT_EQ(both.redaction_key().value(), first);
  EXPECT_EQ(both.rotate().value().rewrapped, 1U);
  EXPECT_EQ(Vault(*log_, keys(other_key)).redaction_key().value(), first);
  EXPECT_EQ(Vault(*log_, keys(one_key)).redaction_key().error().code, Errc::denied);
  EXPECT_EQ(Vault(*log_, MasterKeys()).redaction_key().error().code, Errc::denied);
}

TEST_F(VaultTest, cannot_open_an_erased_session_and_says_what_was_destroyed) {
  Vault vault(*log_, keys(one_key));
  keep(script_, vault, {"hunter2", "swordfish"});
  auto const erasure = vault.erase(script_.session(), someone).value();
  EXPECT_EQ(erasure.originals, 2U);
  EXPECT_TRUE(erasure.key);
  EXPECT_TRUE(erasure.secret);
  EXPECT_EQ(vault.open(script_.session(), redactor_.digits("hunter2")).error().code,
            Errc::undecidable);
  EXPECT_EQ(vault.seal(script_.session(), std::vector{replacement(redactor_, "x")}).error().code,
            Errc::undecidable);
  EXPECT_EQ(vault.erase(script_.session(), someone).error().code, Errc::undecidable);
  EXPECT_EQ(log_->secret(script_.session()).error().code, Errc::not_found);
  EXPECT_EQ(log_->head(script_.session()).value()->steps, 1U) << "the log stays";
}

TEST_F(VaultTest, erases_nothing_under_a_legal_hold) {
  Vault vault(*log_, keys(one_key));
  keep(script_, vault, {"hunter2"});
  ASSERT_TRUE(vault.hold(script_.session(), {"court", "case 7", Time()}));
  auto const refused = vault.erase(script_.session(), someone);
  EXPECT_EQ(refused.error().code, Errc::held);
  EXPECT_TRUE(refused.error().detail.contains("case 7"));
  EXPECT_EQ(vault.open(script_.session(), redactor_.digits("hunter2")).value(), "hunter2");
  ASSERT_TRUE(vault.lift(script_.session()));
  EXPECT_TRUE(vault.erase(script_.session(), someone));
}

TEST_F(VaultTest, notices_any_changed_byte_of_a_record) {
  Vault vault(*log_, keys(one_key));
  keep(script_, vault, {"hunter2"});
  auto const digits = redactor_.digits("hunter2");
  for (auto const& name : {std::string("key"), "original/" + digits}) {
    auto const good = log_->vault_record(script_.session(), name).value().value();
    for (std::size_t i = 0; i < good.size(); ++i) {
      auto bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 0x20);
      ASSERT_TRUE(log_->put_vault(script_.session(), std::vector<VaultRecord>{{name, bad}}));
      auto const opened = vault.open(script_.session(), digits);
      ASSERT_FALSE(opened) << name << " byte " << i;
      EXPECT_TRUE(opened.error().code == Errc::corrupt || opened.error().code == Errc::denied ||
                  opened.error().code == Errc::newer_format);
      EXPECT_FALSE(opened.error().detail.contains("hunter2"));
    }
    ASSERT_TRUE(log_->put_vault(script_.session(), std::vector<VaultRecord>{{name, good}}));
  }
}

TEST(VaultOnDisk, leaves_no_byte_of_an_erased_key_in_any_file_of_the_store) {
  dalsegno::test::TemporaryFolder const folder;
  auto const in_files = [&](std::string const& bytes) {
    std::size_t count = 0;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      std::string const content{std::istreambuf_iterator<char>(file), {}};
      count += content.contains(bytes) ? 1U : 0U;
    }
    return count;
  };
  Redactor const redactor(storage::SessionSecret{{5}});
  auto log = storage::open_rocksdb(folder.path() / "store").value();
  AppendScript script(*log, {"default", "a"});
  AppendScript other(*log, {"default", "b"});
  Vault vault(*log, keys(one_key));
  for (auto* each : {&script, &other}) {
    auto append = each->next({input("1")});
    append.secret = storage::SessionSecret{};
    append.secret->bytes.fill(each == &script ? 0xA1 : 0xB2);
    append.vault =
        vault.seal(each->session(), std::vector{replacement(redactor, "hunter2 hunter2")}).value();
    ASSERT_TRUE(log->append({&append, 1})->each.front());
  }
  auto const key = log->vault_record(script.session(), "key").value().value();
  auto const original =
      log->vault_record(script.session(), "original/" + redactor.digits("hunter2 hunter2"))
          .value()
          .value();
  EXPECT_EQ(in_files("hunter2 hunter2"), 0U) << "never in the clear";
  EXPECT_GT(in_files(key), 0U);
  ASSERT_TRUE(vault.erase(script.session(), someone));
  EXPECT_EQ(in_files(key), 0U);
  EXPECT_EQ(in_files(original), 0U);
  EXPECT_EQ(in_files(std::string(32, '\xA1')), 0U);
  log.reset();
  log = storage::open_rocksdb(folder.path() / "store").value();
  Vault const again(*log, keys(one_key));
  EXPECT_EQ(again.open(other.session(), redactor.digits("hunter2 hunter2")).value(),
            "hunter2 hunter2");
  EXPECT_EQ(in_files(key), 0U);
}

RC_GTEST_PROP(Seal,
              opens_to_what_was_sealed_and_to_nothing_else,
              (std::string const& text, std::string const& place)) {
  auto const key = SecretKey::random().value();
  auto const stranger = SecretKey::random().value();
  auto sealed = seal(key, text, place).value();
  RC_ASSERT(unseal(key, sealed, place).value() == text);
  RC_ASSERT(seal(key, text, place).value() != sealed);
  RC_ASSERT(unseal(stranger, sealed, place).error().code == Errc::corrupt);
  RC_ASSERT(unseal(key, sealed, place + "x").error().code == Errc::corrupt);
  auto const cut = *rc::gen::inRange<std::size_t>(0, sealed.size());
  RC_ASSERT(unseal(key, sealed.substr(0, cut), place).error().code == Errc::corrupt);
  auto const at = *rc::gen::inRange<std::size_t>(1, sealed.size());
  sealed[at] = static_cast<char>(sealed[at] ^ 1);
  RC_ASSERT(unseal(key, sealed, place).error().code == Errc::corrupt);
}

/// What the kernel says of the memory at `address`: the flags of its part in /proc/self/smaps.
std::string flags_of(void const* address) {
  std::ifstream maps("/proc/self/smaps");
  auto const wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%zx-%zx ", &begin, &end) == 2)
      inside = begin <= wanted && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return {};
}

TEST(SecretKey, lies_on_a_page_that_no_core_dump_has_and_no_fork_inherits) {
  auto const key = SecretKey::random();
  ASSERT_TRUE(key);
  auto const flags = flags_of(key->bytes().data());
  if (flags.empty()) GTEST_SKIP() << "this kernel tells nothing of memory";
  EXPECT_THAT(flags, testing::HasSubstr(" dd ")) << "MADV_DONTDUMP";
  EXPECT_THAT(flags, testing::HasSubstr(" wf ")) << "MADV_WIPEONFORK";
}

TEST(MasterKeys, are_read_from_a_file_that_nobody_else_may_read) {
  dalsegno::test::TemporaryFolder const folder;
  auto const path = folder.path() / "keys";
  EXPECT_EQ(MasterKeys::read_file(path).error().code, Errc::not_found);
  ASSERT_TRUE(MasterKeys::create_file(path));
  EXPECT_EQ(MasterKeys::create_file(path).error().code, Errc::conflict);
  EXPECT_TRUE(MasterKeys::read_file(path));
  std::filesystem::permissions(
      path, std::filesystem::perms::group_read, std::filesystem::perm_options::add);
  EXPECT_EQ(MasterKeys::read_file(path).error().code, Errc::invalid);
}

TEST(MasterKeys, are_read_from_what_a_command_prints) {
  EXPECT_TRUE(MasterKeys::run_command("echo '# current'; echo " + one_key));
  EXPECT_EQ(MasterKeys::run_command("echo " + one_key + "; exit 3").error().code, Errc::invalid);
  auto const wrong = MasterKeys::run_command("echo not-a-key-at-all");
  EXPECT_EQ(wrong.error().code, Errc::invalid);
  EXPECT_FALSE(wrong.error().detail.contains("not-a-key-at-all"));
}

}  // namespace
}  // namespace dalsegno::vault
