#pragma once
/// Fault injection. A point stands at every effect on the outside world (a send, an fsync, a rename); a build
/// with DBM_INJECTION knows them, any other build contains none of it, not even their names.
///
///     DBM_EFFECT(commit, "apply.commit");        // before: may die, fail or wait here
///     if (commit.must_fail()) return ...;        // only where the effect can fail by itself
///     ... send ...
///     if (commit.reply_lost()) return ...;       // only for points declared with DBM_EFFECT_REPLY
///     commit.done();                             // after: may die here
///
/// The environment says what happens: DBM_INJECT="apply.commit:2:crash-after[,point:occurrence:action…]",
/// actions crash-before, crash-after, lose-reply, error, delay=MILLISECONDS. Occurrences count from 1 per
/// process. DBM_INJECT_LOG=FILE appends a line "point" for each point reached. `dbm inject-points` (dev
/// builds) lists all.

#include <cstdint>
#include <string>
#include <vector>

namespace dbm::inject {

struct PointInfo {
  const char* name;
  std::uintptr_t has_reply;  ///< 1: lose-reply applies.
};

#ifdef DBM_INJECTION

class Effect {
 public:
  explicit Effect(const PointInfo& point);
  [[nodiscard]] bool must_fail() const { return fail_; }
  [[nodiscard]] bool reply_lost() const { return lose_reply_; }
  void done();

 private:
  const PointInfo& point_;
  bool fail_ = false;
  bool lose_reply_ = false;
  bool crash_after_ = false;
};

/// Every point of this binary, sorted; `has_reply` as declared.
std::vector<PointInfo> all_points();

#define DBM_EFFECT_AS(variable, literal, reply)                                                          \
  __attribute__((section("dbm_points"), used)) static ::dbm::inject::PointInfo variable##_point{literal, \
                                                                                                reply};  \
  ::dbm::inject::Effect variable { variable##_point }
#define DBM_EFFECT(variable, literal) DBM_EFFECT_AS(variable, literal, 0)
#define DBM_EFFECT_REPLY(variable, literal) DBM_EFFECT_AS(variable, literal, 1)

#else

class Effect {
 public:
  [[nodiscard]] static constexpr bool must_fail() { return false; }
  [[nodiscard]] static constexpr bool reply_lost() { return false; }
  static constexpr void done() {}
};

#define DBM_EFFECT(variable, literal) [[maybe_unused]] constexpr ::dbm::inject::Effect variable
#define DBM_EFFECT_REPLY(variable, literal) [[maybe_unused]] constexpr ::dbm::inject::Effect variable

#endif

}  // namespace dbm::inject
