#pragma once
/// PostgreSQL as an engine of migrations.

#include <memory>

#include "migration/engine.h"

namespace dbm::postgres {

/// Safe to call from any thread; no two calls share a connection at a time. Made once, before there is a
/// second thread: it takes every PG… variable out of the environment, so that nothing but manifests says
/// where we connect.
std::unique_ptr<migration::Engine> make_engine();

}  // namespace dbm::postgres
