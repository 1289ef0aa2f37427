#pragma once
/// A database to dump, and the bytes and facts of the dump.

#include <nlohmann/json.hpp>
#include <string>

#include "integration/postgres/database_fixture.h"
#include "postgres/dump.h"
#include "postgres/restore.h"

namespace dbm::test {

struct Dump {
  std::string bytes;
  migration::DumpFacts facts;
};

class DumpTest : public DatabaseTest {
 protected:
  DumpTest() { ask("ALTER ROLE app CREATEDB"); }
  ~DumpTest() override {
    for (const auto& name : restored_)
      PostgresServer::shared().sql("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
  }

  Result<Dump> dump(
      bool schema_only = false, const std::function<void()>& at_first_byte = [] {}) {
    Dump dump;
    auto facts = postgres::dump_database(target_, spec_, schema_only,
                                         [&](std::string_view bytes) -> Result<> {
                                           if (dump.bytes.empty()) at_first_byte();
                                           dump.bytes += bytes;
                                           return {};
                                         },
                                         Deadline::after(std::chrono::seconds{120}), stop_.get_token(), {});
    if (!facts) return facts.error();
    dump.facts = std::move(*facts);
    return dump;
  }
  static postgres::ArchiveReader reader_of(const std::string& bytes) {
    return [&bytes, at = std::size_t{0}](std::span<char> buffer) mutable -> Result<std::size_t> {
      const auto count = std::min(buffer.size(), bytes.size() - at);
      bytes.copy(buffer.data(), count, at);
      at += count;
      return count;
    };
  }
  Result<> restore(const Dump& dump, const std::string& name) {
    restored_.push_back(name);
    return postgres::restore_database(target_, name, dump.facts.json, reader_of(dump.bytes),
                                      Deadline::after(std::chrono::seconds{120}), stop_.get_token(), {});
  }
  std::string fresh_name() { return database_.name() + "_r" + std::to_string(restored_.size()); }
  static nlohmann::json table_of(const Dump& dump, const std::string& name) {
    const auto facts = nlohmann::json::parse(dump.facts.json);
    for (const auto& table : facts["tables"])
      if (table["name"] == name) return table;
    return nullptr;
  }

  migration::Spec spec_;
  std::stop_source stop_;
  std::vector<std::string> restored_;
};

}  // namespace dbm::test
