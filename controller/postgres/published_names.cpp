#include "postgres/published_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string>
#include <vector>

#include "postgres/sql_words.h"

namespace dbm::postgres {
namespace {

using Names = std::set<std::string, std::less<>>;

struct Message {
  std::vector<std::string> quoted;
  std::string rest;                ///< what stands outside of quotes
  std::vector<std::string> words;  ///< of the rest, in lower case: letters, digits, _ and $
  std::string signs;               ///< of the rest: what operators are made of
};

Message take_apart(std::string_view text) {
  Message message;
  bool inside = false;
  for (const char c : text) {
    if (c == '"') {
      inside = !inside;
      if (inside) message.quoted.emplace_back();
      message.rest += inside ? " " : "";
    } else if (inside) {
      message.quoted.back() += c;
    } else {
      message.rest += c;
    }
  }
  const std::string& rest = message.rest;
  const auto of_word = [&](std::size_t at) {
    return at < rest.size() &&
           (std::isalnum(static_cast<unsigned char>(rest[at])) != 0 || rest[at] == '_' || rest[at] == '$');
  };
  for (std::size_t at = 0; at < rest.size(); ++at) {
    const bool goes_on = at > 0 && of_word(at - 1);
    const char c = rest[at];
    if (of_word(at)) {
      if (!goes_on) message.words.emplace_back();
      message.words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (c != '-' || !goes_on || !of_word(at + 1)) {  // "read-only"
      if (std::string_view("+-*/<>=~!@#%^&|`?").find(c) != std::string_view::npos) message.signs += c;
    }
  }
  return message;
}

/// What a statement holds, as far as it matters here.
struct Statement {
  Names names;
  Names in_values;  ///< names where a value belongs, and nowhere else
  std::string signs;
  bool literals = false;  ///< or names with escapes, which cannot be found in its text
};

/// Walks through a statement's words and tells the names from what stands where a value belongs.
class Walk {
 public:
  explicit Walk(std::string_view text) : words_(sql_words(text, kMost)) {}

  Statement run() {
    Statement out;
    out.literals = words_.size() >= kMost;
    for (at_ = 0; at_ < words_.size(); ++at_) {
      const SqlWord& word = words_[at_];
      follow(word);
      if (word.kind == SqlWord::Kind::Name) (value_depth_ > 0 ? out.in_values : out.names).insert(word.text);
      if (word.kind == SqlWord::Kind::Symbol) out.signs += word.text;
      const bool escapes = word.quoted && at_ > 1 && words_[at_ - 1].is("&") && words_[at_ - 2].is("u");
      out.literals = out.literals || word.kind == SqlWord::Kind::Literal || escapes;
    }
    std::erase_if(out.in_values, [&](const auto& name) { return out.names.contains(name); });
    return out;
  }

 private:
  static constexpr std::size_t kMost = 100'000;

  void follow(const SqlWord& word) {
    if (word.is("(")) {
      ++depth_;
      if (value_depth_ == 0 && opens_values()) value_depth_ = depth_;
    } else if (word.is(")")) {
      if (depth_ == value_depth_) value_depth_ = 0;
      --depth_;
    } else if (word.is("values")) {
      in_list_ = true;
    } else if (word.is("insert") || word.is("call") || word.is("execute")) {
      calls_ = !word.is("insert");
    } else if (word.is("select")) {
      calls_ = calls_ || words_[0].is("insert");
    } else if (word.kind == SqlWord::Kind::Name && value_depth_ == 0) {
      in_list_ = false;
    }
  }

  /// Whether the parenthesis here opens a row of VALUES or the arguments of a call.
  [[nodiscard]] bool opens_values() const {
    if (at_ == 0) return false;
    const SqlWord& before = words_[at_ - 1];
    if (in_list_) return before.is("values") || before.is(",");
    static constexpr std::array<std::string_view, 8> kNoCall{"from", "in",    "join", "on",
                                                             "any",  "where", "and",  "over"};
    const auto is = [&](std::string_view word) { return before.is(word); };
    return calls_ && before.kind == SqlWord::Kind::Name && std::ranges::none_of(kNoCall, is);
  }

  std::vector<SqlWord> words_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int value_depth_ = 0;   ///< the parenthesis that holds values, 0: none
  bool in_list_ = false;  ///< behind VALUES: each parenthesis is a row
  bool calls_ = false;    ///< a name before a parenthesis is called, with values
};

/// What the server's messages are made of. Anything else outside of quotation marks is a name, or a value.
constexpr std::string_view kSpoken =
    " a aborted accept accepting access add administrator aggregate all allowed already alter an and "
    "another any appear are argument arguments array as at attribute attributes automatically available "
    "be because been before block but by call canceling cannot cast casts change changes class cluster "
    "collation column columns command commands conflict connection connections constraint contains "
    "conversion could create current currently data database dbm default delete denied depend depends "
    "different does domain down drop due duplicate each either element empty end enum error event "
    "exclusion execute executed exist exists expected expression expressions extension failed family for "
    "foreign from full function functions grant group has have idle ignored in index indexes inherit "
    "inherited insert inside integer into invalid is it its key keys label language large lock locked "
    "made many match matches matching materialized method missing mode more multiple must name named "
    "names near no non not null number object objects obtain of on one only operator operators or "
    "ordinary other outside over owner ownership parameter parameters part partition partitioned "
    "permission policy primary privilege privileges procedure procedures public query reached read "
    "recovery reference referenced references referencing refers relation relations remaining requires "
    "reserved return returns role roles row rows rule rules run running same schema select sequence "
    "server session set setting shutdown shutting slots some specified starting statement statistics "
    "still subquery such superuser supported syntax system table tables tablespace target temporary "
    "terminating text than that the there this time timeout to too transaction transactions trigger "
    "triggers truncate trying type types unique unknown unlogged unrecognized until up update use used "
    "user uses using value values view views was when where which while with within without yet ";

/// Types as the server writes them.
constexpr std::string_view kTypes =
    " bigint bit boolean bool box bpchar bytea char character cidr circle date daterange double inet int "
    "int2 "
    "int4 int8 int4range int8range integer interval json jsonb line lseg macaddr money name numeric numrange "
    "oid path point polygon precision real record regclass smallint text time timestamp timestamptz tsquery "
    "tsrange tstzrange tsvector unknown uuid varchar varying void xml zone anyelement anyarray ";

bool is_spoken(const std::string& word) {
  const std::string between = " " + word + " ";
  return kSpoken.find(between) != std::string_view::npos || kTypes.find(between) != std::string_view::npos;
}

/// A refusal names something that is there, in its last word: "permission denied for table orders".
bool is_refusal(const ServerError& error, const Message& message) {
  if (error.sqlstate != "42501" || !message.quoted.empty() || message.words.size() < 2) return false;
  const bool spoken = std::all_of(message.words.begin(), message.words.end() - 1, is_spoken);
  const std::string& last = message.words.back();
  const bool number = std::isdigit(static_cast<unsigned char>(last.front())) != 0;
  return spoken && !number &&
         (message.rest.starts_with("permission denied for ") ||
          message.rest.starts_with("must be owner of "));
}

bool all_known(const std::string& quoted, const Names& names) {
  if (names.contains(quoted)) return true;
  const auto parts = name_parts(quoted);
  return !parts.empty() && std::ranges::all_of(parts, [&](const auto& part) { return names.contains(part); });
}

/// Whether a name where a value belongs, perhaps cut to the length of names, is one of these words.
bool has_value_of(const Statement& statement, const Message& message) {
  constexpr std::size_t kCut = 48;  // a name is cut at 63 bytes, at a whole character
  const auto is_of_values = [&](const std::string& word) {
    return std::ranges::any_of(statement.in_values, [&](const std::string& value) {
      return word == value || (word.size() >= kCut && value.starts_with(word));
    });
  };
  const auto has_part = [&](const std::string& quoted) {
    return is_of_values(quoted) || std::ranges::any_of(name_parts(quoted), is_of_values);
  };
  const auto not_spoken = [&](const std::string& word) { return !is_spoken(word) && is_of_values(word); };
  return std::ranges::any_of(message.quoted, has_part) || std::ranges::any_of(message.words, not_spoken);
}

}  // namespace

bool names_only_what_is_known(const ServerError& error, std::string_view text) {
  const Message message = take_apart(error.server_message);
  // Another language has other quotation marks: what they hold cannot be told apart.
  const bool plain =
      std::ranges::all_of(message.rest, [](char c) { return static_cast<unsigned char>(c) < 0x80U; });
  if (!plain || error.translated) return false;
  const bool while_reading = error.position > 0;
  if (text.empty()) return message.quoted.empty() || while_reading;
  if (is_refusal(error, message)) return true;

  const Statement statement = Walk(text).run();
  if (has_value_of(statement, message)) return false;
  if (while_reading && !statement.literals) return true;
  const auto known = [&](const std::string& quoted) { return all_known(quoted, statement.names); };
  // With words and a sign of its own, and worth being told: some rows would not be seen.
  if (message.rest.starts_with("query would be affected by row-level security policy for table"))
    return std::ranges::all_of(message.quoted, known);
  const auto said = [&](const std::string& word) {
    return is_spoken(word) || statement.names.contains(word);
  };
  const auto written = [&](char sign) { return statement.signs.find(sign) != std::string::npos; };
  return std::ranges::all_of(message.quoted, known) && std::ranges::all_of(message.words, said) &&
         std::ranges::all_of(message.signs, written);
}

}  // namespace dbm::postgres
