#include "artifact/retention.h"

#include <algorithm>
#include <tuple>

namespace dbm::artifact {
namespace {

using Time = std::chrono::system_clock::time_point;
constexpr std::chrono::hours kIncompleteAfter{24};

bool is_newer(const RetainedSet& a, const RetainedSet& b) {
  const auto order = [](const RetainedSet& s) { return std::tie(s.epoch, s.started, s.finished, s.id); };
  return order(a) > order(b);
}

/// Why a set is kept, the strongest reason first; empty when nothing keeps it.
class Keeping {
 public:
  Keeping(const std::vector<RetainedSet>& sets, const RetentionRules& rules,
          const std::map<std::string, std::string>& needed, Time now)
      : sets_(sets), rules_(rules), needed_(needed), now_(now) {
    for (std::size_t i = 0; i < sets.size(); ++i) {
      if (sets[i].verified && !newest_verified_) newest_verified_ = i;
      if (rules.max_age && now - sets[i].finished > *rules.max_age && !newest_beyond_age_)
        newest_beyond_age_ = i;
    }
  }

  [[nodiscard]] std::string reason(std::size_t at) const {
    const RetainedSet& set = sets_[at];
    if (const auto found = needed_.find(set.id); found != needed_.end()) return "needed: " + found->second;
    if (newest_verified_ == at) return "the newest verified backup";
    if (set.finished > now_ || set.started > now_) return "dated in the future";
    if (set.plan_digest == sets_.front().plan_digest && now_ - set.finished < rules_.undo_window)
      return "of the newest plan, which may still have to be undone";
    if (at < static_cast<std::size_t>(rules_.keep_last))
      return "one of the newest " + std::to_string(rules_.keep_last) + " (keepLast)";
    if (rules_.max_age && now_ - set.finished <= *rules_.max_age) return "younger than maxAge";
    if (rules_.keep_last == 0 && newest_beyond_age_ == at) return "the newest of those older than maxAge";
    return {};
  }

 private:
  const std::vector<RetainedSet>& sets_;
  const RetentionRules& rules_;
  const std::map<std::string, std::string>& needed_;
  Time now_;
  std::optional<std::size_t> newest_verified_, newest_beyond_age_;
};

}  // namespace

RetainedSet retained(const BackupSet& set) {
  const Manifest& manifest = set.manifest;
  return {manifest.id,
          set.prefix,
          manifest.owner.plan_digest,
          manifest.owner.epoch,
          from_rfc3339(manifest.started_at),
          from_rfc3339(manifest.finished_at),
          set.verified().has_value()};
}

Result<std::vector<RetentionDecision>> decide_retention(std::vector<RetainedSet> sets,
                                                        const RetentionRules& rules,
                                                        const std::map<std::string, std::string>& needed,
                                                        Time now) {
  if (rules.keep_last < 0 || (rules.keep_last == 0 && !rules.max_age))
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 "backup.retention: must keep something: keepLast of at least 1, or maxAge", "InvalidValue"};
  std::sort(sets.begin(), sets.end(), is_newer);
  const Keeping keeping{sets, rules, needed, now};
  std::vector<RetentionDecision> decisions;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    std::string reason = keeping.reason(i);
    if (reason.empty() && !sets.front().verified) reason = "the newest backup is not verified yet";
    decisions.push_back({sets[i].id, sets[i].prefix, reason.empty() ? Verdict::Remove : Verdict::Keep,
                         reason.empty() ? "beyond every rule that keeps" : reason});
  }
  int left = rules.deletions_max;
  for (auto decision = decisions.rbegin(); decision != decisions.rend(); ++decision) {
    if (decision->verdict != Verdict::Remove || left-- > 0) continue;
    decision->verdict = Verdict::Keep;
    decision->reason = "goes another time: at most " + std::to_string(rules.deletions_max) + " at once";
  }
  return decisions;
}

Result<int> carry_out(Store& store, const std::vector<RetentionDecision>& decisions) {
  int removed = 0;
  for (auto decision = decisions.rbegin(); decision != decisions.rend(); ++decision) {
    if (decision->verdict != Verdict::Remove) continue;
    if (const auto gone = remove_set(store, decision->prefix); !gone)
      return gone.error().during("remove backup " + decision->id);
    ++removed;
  }
  return removed;
}

Result<std::vector<std::string>> collect_incomplete(Store& store, const SetListing& listing,
                                                    const std::string& ledger_id, const DatabaseIdentity& of,
                                                    Time now, int removals_max) {
  std::vector<std::string> gone;
  for (const std::string& prefix : listing.incomplete) {
    if (static_cast<int>(gone.size()) >= removals_max) break;
    const auto begun = begun_at(prefix);
    if (!begun || now - *begun <= kIncompleteAfter) continue;
    const auto whose = whose_set(store, prefix, ledger_id, of);
    if (!whose) return whose.error();
    if (*whose != Whose::Ours) continue;
    if (const auto removed = remove_set(store, prefix); !removed)
      return removed.error().during("collect " + prefix);
    gone.push_back(prefix);
  }
  return gone;
}

}  // namespace dbm::artifact
