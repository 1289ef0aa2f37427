#pragma once
/// Values for errors. A function that can fail returns Result<T>; nothing above the rooms' edges throws on
/// purpose.

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace dbm {

/// Says what to do next, not where it happened.
enum class ErrorKind {
  Transient,  ///< Try the same thing again, after a back-off.
  Waiting,    ///< Nothing is wrong; something else has to happen first.
  Terminal,   ///< Only a change to the spec, the source or the cluster can help.
  InDoubt,    ///< It may have happened. Look before doing anything.
  Cancelled,  ///< We were asked to stop.
};

std::string_view to_string(ErrorKind kind);

/// A place in a file a person wrote. Lines and columns count from 1; 0 is "not known". Columns count bytes.
struct Position {
  std::string file;
  int line = 0;
  int column = 0;

  friend bool operator==(const Position&, const Position&) = default;
};

/// "file:line:column", as far as known.
std::string to_string(const Position& at);

struct Error {
  ErrorKind kind;
  std::string reason;   ///< One word of docs/status.md#reasons; becomes the condition's reason.
  std::string message;  ///< One line for a person. Never carries credentials or values of rows.
  std::string cause =
      {};  ///< One word of docs/status.md#causes; becomes `failure.reason`. Empty: as `reason`.
  std::string sqlstate = {};  ///< Five characters when PostgreSQL reported it.
  Position at = {};           ///< Where in a script or manifest.
  std::string remedy = {};    ///< What to do about it, one line; empty when the message says it already.
  std::string phase = {};     ///< The phase of a run it happened in; set by the run.
  std::string server_message =
      {};  ///< The server's own words. For the ledger only: they may hold row values.

  /// The same error, one level further up: "<activity>: <message>".
  [[nodiscard]] Error during(std::string_view activity) const;
  [[nodiscard]] Error with_position(Position where) const;
  [[nodiscard]] Error with_remedy(std::string what) const;
  /// `cause`, or `reason` where no narrower word was given.
  [[nodiscard]] const std::string& failure_reason() const { return cause.empty() ? reason : cause; }
};

/// A value, or the Error that stands in its place. Reading the one that is not there aborts: a broken
/// invariant.
template <class T = void>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}
  template <class U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
           !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Result>)
      Result(U&& value)
      : held_(std::in_place_index<0>, std::forward<U>(value)) {}

  explicit operator bool() const { return held_.index() == 0; }
  T& operator*() & { return value(); }
  const T& operator*() const& { return const_cast<Result*>(this)->value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &const_cast<Result*>(this)->value(); }
  [[nodiscard]] const Error& error() const {
    if (held_.index() != 1) std::abort();
    return std::get<1>(held_);
  }

 private:
  T& value() {
    if (held_.index() != 0) std::abort();
    return std::get<0>(held_);
  }

  std::variant<T, Error> held_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_; }
  [[nodiscard]] const Error& error() const {
    if (!error_) std::abort();
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace dbm
