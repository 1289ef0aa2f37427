#pragma once
/// pg_dump and the facts that go with it, from one snapshot (docs/backup.md#snapshot).

#include <stop_token>

#include "migration/engine.h"

namespace dbm::postgres {

/// Streams `pg_dump -Fc -Z0` to `sink` while counts and content sums are read in the same snapshot on a
/// second connection. Does not use the run's sessions. The program's exit code and the end of the snapshot's
/// own session are judged before this says success. Errors: BackupFailed with ProducerFailed, ClientTooOld;
/// PermissionDenied; Transient when a lock or the connection was the trouble; whatever the sink says.
Result<migration::DumpFacts> dump_database(const migration::Target& target, const migration::Spec& spec,
                                           bool schema_only, const migration::DumpSink& sink,
                                           Deadline deadline, const std::stop_token& stop,
                                           const migration::ProgressSink& progress);

}  // namespace dbm::postgres
