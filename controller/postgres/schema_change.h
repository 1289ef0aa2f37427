#pragma once
/// What a run did to the schema, by final names, so that it can be held against what its rehearsal did. Pure.

#include <set>
#include <string>

#include "postgres/catalog.h"

namespace dbm::postgres {

/// "table public.orders", "index public.orders_note", …
struct SchemaChange {
  std::set<std::string> gained, lost;

  friend bool operator==(const SchemaChange&, const SchemaChange&) = default;
};

/// A thing that came or went with what it belongs to (a column with its table) is not told of by itself.
SchemaChange change_between(const SchemaSnapshot& before, const SchemaSnapshot& after);

/// What a rehearsal left, and how much of the plan it tells of.
struct RehearsedChange {
  SchemaSnapshot after;     ///< The schema at its end. It began with the one the run begins with.
  bool whole = false;       ///< Everything pending was rehearsed.
  bool rest_loses = false;  ///< What was not rehearsed may take away again what was gained.
};

/// How a run's change differs from its rehearsal's: "gained table public.a; did not gain index public.b";
/// empty where it does not, as far as the rehearsal tells.
std::string difference(const RehearsedChange& rehearsed, const SchemaSnapshot& before,
                       const SchemaSnapshot& now);

}  // namespace dbm::postgres
