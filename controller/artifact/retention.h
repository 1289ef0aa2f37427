#pragma once
/// Which backups may go. Deciding is pure: the same sets, rules and time give the same answer. Carrying it
/// out is another step.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "artifact/backup_set.h"

namespace dbm::artifact {

/// What retention has to know of one complete set.
struct RetainedSet {
  std::string id, prefix;
  std::string plan_digest;
  std::int64_t epoch = 0;
  std::chrono::system_clock::time_point started, finished;
  bool verified = false;  ///< at Checksum or above, and nothing failed since
};
RetainedSet retained(const BackupSet& set);

struct RetentionRules {
  int keep_last = 3;
  std::optional<std::chrono::seconds>
      max_age;  ///< younger ones are kept; 0 in keep_last makes it the only rule
  /// How long the sets of the newest plan stay after they were finished: it may still have to be undone.
  std::chrono::seconds undo_window = std::chrono::hours{168};
  int deletions_max = 10;  ///< per run
};

enum class Verdict { Keep, Remove };
struct RetentionDecision {
  std::string id, prefix;
  Verdict verdict = Verdict::Keep;
  std::string reason;  ///< one line for a person

  friend bool operator==(const RetentionDecision&, const RetentionDecision&) = default;
};

/// One decision per set of one ledger and database, newest first. `needed` names sets that something still
/// needs, and what: an unfinished migration's, the source of a restore, a locked or pinned one.
///
/// Any rule that keeps, keeps. Above all rules: the newest verified set; what is `needed`; the newest plan's
/// within the undo window; what is dated in the future; under max_age alone the newest of those older than
/// it. Nothing goes unless the newest set is verified. The oldest go first, at most deletions_max.
/// Terminal/InvalidSpec/InvalidValue when the rules keep nothing by themselves.
Result<std::vector<RetentionDecision>> decide_retention(std::vector<RetainedSet> sets,
                                                        const RetentionRules& rules,
                                                        const std::map<std::string, std::string>& needed,
                                                        std::chrono::system_clock::time_point now);

/// Removes what was decided, oldest first, each set COMPLETE first. Stops at the first error. Returns how
/// many went.
Result<int> carry_out(Store& store, const std::vector<RetentionDecision>& decisions);

/// Removes sets of this ledger and database that never got their COMPLETE, or lost it, begun more than a day
/// ago; at most `removals_max`. One whose owner cannot be told stays; where there is no manifest yet the
/// ledger alone tells. Returns the prefixes that went.
Result<std::vector<std::string>> collect_incomplete(Store& store, const SetListing& listing,
                                                    const std::string& ledger_id, const DatabaseIdentity& of,
                                                    std::chrono::system_clock::time_point now,
                                                    int removals_max = 10);

}  // namespace dbm::artifact
