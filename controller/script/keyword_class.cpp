#include <array>

#include "script/tree_class.h"

namespace dbm::script {
namespace {

StatementClass plain(const char* kind, LockClass lock, unsigned effects) {
  StatementClass out;
  out.kind = kind;
  out.lock = lock;
  out.effects = effects;
  return out;
}

std::string upper(std::string_view text) {
  std::string high(text);
  for (char& c : high) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return high;
}

bool has_word(const Summary& summary, std::string_view word) {
  for (std::size_t i = 1; i < 6; ++i) {
    if (summary.word(i) == word) return true;
  }
  return false;
}

/// Rows written by the statement's first word.
KeywordClass rows(const char* kind, unsigned effects, bool exact) {
  KeywordClass found{plain(kind, LockClass::None, effects), exact};
  found.what.writes_rows = std::string_view(kind) != "SELECT";
  return found;
}

/// What the server refuses inside a transaction, told from the first words alone.
bool outside_only(const Summary& summary, StatementClass& out) {
  const std::string_view first = summary.word(0);
  const std::string_view second = summary.word(1);
  const bool concurrently = has_word(summary, "concurrently");
  const auto is = [&](ProbeKind probe, LockClass lock, unsigned effects) {
    out.scope = Scope::OutsideOnly;
    out.probe = probe;
    out.lock = lock;
    out.effects |= effects;
    return true;
  };
  if (first == "vacuum") return is(ProbeKind::Repeatable, LockClass::ShareUpdateExclusive, kNoEffect);
  if (first == "alter" && second == "system") return is(ProbeKind::Repeatable, LockClass::None, kExternal);
  if (first == "reindex" && concurrently) return is(ProbeKind::Unknown, LockClass::Concurrent, kNoEffect);
  if (first == "reindex" && (second == "schema" || second == "database" || second == "system"))
    return is(ProbeKind::Repeatable, LockClass::ScanOrRewrite, kBlocking);
  if (first != "create" && first != "drop") return false;
  if (second == "database" || second == "tablespace" || second == "subscription")
    return is(ProbeKind::Unknown, LockClass::None, kExternal);
  if (concurrently && (second == "index" || second == "unique"))
    return is(ProbeKind::Unknown, LockClass::Concurrent, kNoEffect);
  return false;
}

}  // namespace

bool keywords_suffice(const Summary& summary) {
  switch (summary.first()) {
    case First::Insert:
    case First::Delete:
      return !summary.calls_unknown();
    // Only a WHERE … IS NULL makes an UPDATE one that loses nothing; SELECT … INTO makes a table.
    case First::Select:
    case First::Update:
      return !summary.calls_unknown() && !summary.special();
    case First::Create:
      return summary.word(1) == "table" && !summary.special();
    default:
      return false;
  }
}

KeywordClass class_of_keywords(const Summary& summary) {
  const bool exact = keywords_suffice(summary);
  switch (summary.first()) {
    case First::Insert:
      return rows("INSERT", kNoEffect, exact);
    case First::Select:
      return rows("SELECT", kNoEffect, exact);
    case First::Delete:
      return rows("DELETE", kDataLoss | kBlocking, exact);
    case First::Update:
      return rows("UPDATE", kDataLoss | kBlocking, exact);
    case First::Create:
      if (summary.word(1) == "table") return {plain("CREATE TABLE", LockClass::None, kNoEffect), exact};
      break;
    default:
      break;
  }
  StatementClass out = plain("", LockClass::Unknown, kUnknown);
  out.kind = upper(summary.word(0));
  if (!summary.word(1).empty() && summary.first() != First::Copy) out.kind += " " + upper(summary.word(1));
  const std::string_view first = summary.word(0);
  outside_only(summary, out);
  const bool control = first == "begin" || first == "commit" || first == "rollback" || first == "abort" ||
                       first == "end" || (first == "start" && summary.word(1) == "transaction") ||
                       (first == "prepare" && summary.word(1) == "transaction") ||
                       (first == "discard" && summary.word(1) == "all");
  if (control) out.scope = Scope::TransactionControl;
  out.needs_reply = first == "copy";
  out.writes_rows = first == "copy" || first == "merge" || first == "with";
  out.opaque = first == "do" || first == "call" || first == "execute";
  out.changes_session = true;
  out.may_lose_objects = true;
  return {out, false};
}

}  // namespace dbm::script
