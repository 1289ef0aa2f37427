#include "script/masking.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "script/display.h"
#include "script/lexer.h"
#include "script/summary.h"

namespace dbm::script {
namespace {

/// Words that no row's value gives away. Anything else is a name, or a value whose quotes were forgotten.
constexpr std::string_view kKeywords =
    "add after all alter always analyze and any as asc atomic before begin between by bigint bigserial "
    "boolean "
    "bytea cascade case cast char character check cluster collate column comment commit concurrently "
    "conflict "
    "constraint copy create cross current_date current_timestamp current_user cursor database date declare "
    "default deferrable deferred delete desc detach disable distinct do domain double drop each else enable "
    "end "
    "enum escape except exclude execute exists explain extension fetch filter for foreign from full function "
    "generated grant group having identity if ilike immediate in include index inherits initially inner "
    "insert instead int integer intersect interval into is isolation join json jsonb key language lateral "
    "left "
    "like limit listen lock materialized matched merge move natural next no not nothing notify null nulls "
    "numeric of offset on only operator or order outer over owner partition policy precision prepare primary "
    "privileges procedure publication real recursive references refresh reindex release rename replace "
    "replica reset restrict returning returns revoke right role rollback row rows rule savepoint schema "
    "security select sequence serial session set share show smallint some start statement statistics stdin "
    "stdout storage subscription table tablespace temp temporary text then time timestamp timestamptz to "
    "transaction trigger truncate type union unique unlogged until update user using uuid vacuum valid "
    "validate values varchar varying view when where window with without work zone";

/// Behind these a value may stand, with its quotes forgotten.
constexpr std::string_view kBeforeValues =
    "between call default else encrypted execute identified ilike in is like notify options password set "
    "then "
    "to values when";

/// What is behind the name in these may be a text or a secret: COMMENT ON TABLE t …, CREATE USER u …
constexpr std::string_view kValueBehindName = "comment role security user";

/// First words of statements, and what may follow those of definitions: no value can stand in their place.
constexpr std::string_view kVerbs =
    "alter analyze comment commit create delete drop explain grant insert refresh reindex revoke select "
    "truncate update vacuum with";
constexpr std::string_view kDefining = "alter create delete drop insert truncate";
constexpr std::string_view kBehindVerb =
    "collation database domain extension from function index into materialized policy procedure publication "
    "schema sequence statistics table temporary trigger type unique unlogged view";

using WordSet = std::unordered_set<std::string_view>;

WordSet set_of(std::string_view list) {
  WordSet words;
  add_words(list, words);
  return words;
}

struct Lists {
  WordSet keywords = set_of(kKeywords), before_values = set_of(kBeforeValues),
          value_behind_name = set_of(kValueBehindName), verbs = set_of(kVerbs), defining = set_of(kDefining),
          behind_verb = set_of(kBehindVerb);
};

const Lists& lists() {
  static const Lists all;
  return all;
}

/// Whether one letter more, less or other, or two letters the other way round, make one of the other.
bool one_slip_apart(std::string_view a, std::string_view b) {
  const auto before = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  a.remove_prefix(static_cast<std::size_t>(before.first - a.begin()));
  b.remove_prefix(static_cast<std::size_t>(before.second - b.begin()));
  while (!a.empty() && !b.empty() && a.back() == b.back()) a.remove_suffix(1), b.remove_suffix(1);
  if (a.size() == 2 && b.size() == 2) return a[0] == b[1] && a[1] == b[0];
  return a.size() <= 1 && b.size() <= 1;
}

bool is_misspelt(std::string_view low, const WordSet& words) {
  return std::any_of(words.begin(), words.end(), [&](auto word) { return one_slip_apart(low, word); });
}

/// Writes the line token by token, and remembers the column the caret belongs to.
class Masking {
 public:
  explicit Masking(const LineToMask& of) : of_(of), closed_at_semicolon_(!of.quotes_pair_up) {}

  std::optional<MaskedLine> run() {
    const View view{of_.bytes.data(), 0, of_.bytes.size(), true};
    Lexer lexer;
    if (of_.bytes.starts_with("\xef\xbb\xbf")) lexer.jump(3);
    for (Token token; lexer.next(view, token) != TokenKind::End;)
      if (!take(token, view.bytes(token.begin, token.end))) return std::nullopt;
    return MaskedLine{out_, caret_.value_or(shown_columns(out_))};
  }

 private:
  /// False: nothing of the line may be shown.
  bool take(const Token& token, std::string_view text) {
    switch (token.kind) {
      case TokenKind::Template:
      case TokenKind::Backslash:
      case TokenKind::StrayBom:
        return false;
      case TokenKind::Name:
        return name(token, text);
      case TokenKind::Blank:
      case TokenKind::Open:
      case TokenKind::Close:
        plain(token, text);
        break;
      case TokenKind::Semicolon:
        plain(token, text);
        words_ = 0;
        value_behind_name_ = false;
        closed_ = closed_at_semicolon_;
        break;
      case TokenKind::LineComment:
        mask(token, "--…");
        break;
      case TokenKind::BlockComment:
        mask(token, "/*…*/");
        break;
      case TokenKind::QuotedName:
        mask(token, "\"…\"");
        ++words_;
        closed_ = closed_ || value_behind_name_;
        break;
      default:
        value(token, text);
    }
    return true;
  }

  /// What may be a value or stand beside one: from here on no word is sure to be SQL's.
  void value(const Token& token, std::string_view text) {
    closed_ = true;
    if (token.kind == TokenKind::String) {
      // A semicolon behind a literal of the line may be one inside a value.
      closed_at_semicolon_ = closed_at_semicolon_ || token.end > of_.line_begin;
      return mask(token, token.dollar ? "$$…$$" : "'…'");
    }
    if (text == ",") return plain(token, text);
    if (token.kind != TokenKind::Unterminated) return mask(token, "…");
    mask(token, text.starts_with("/*")  ? "/*…"
                : text.starts_with('"') ? "\"…"
                : text.starts_with('$') ? "$$…"
                                        : "'…");
  }

  bool name(const Token& token, std::string_view text) {
    const std::string low = lower(text);
    // The rows of a COPY that is not ended as it should be look like words.
    if (low == "copy" || low == "stdin") return false;
    ++words_;
    const bool keyword = lists().keywords.contains(low);
    const bool shown = !closed_ && (keyword || is_verb_with_a_slip(low));
    shown ? plain(token, text) : mask(token, "…");
    if (words_ == 1) defining_ = lists().defining.contains(low);
    closed_ = closed_ || lists().before_values.contains(low) || (value_behind_name_ && !keyword);
    value_behind_name_ = value_behind_name_ || (words_ <= 2 && lists().value_behind_name.contains(low));
    return true;
  }

  [[nodiscard]] bool is_verb_with_a_slip(const std::string& low) const {
    if (words_ == 1) return is_misspelt(low, lists().verbs);
    return words_ == 2 && defining_ && is_misspelt(low, lists().behind_verb);
  }

  void plain(const Token& token, std::string_view text) {
    if (token.end <= of_.line_begin) return;
    // Only blanks run over line ends.
    const std::size_t skipped = token.begin < of_.line_begin ? of_.line_begin - token.begin : 0;
    text.remove_prefix(skipped);
    const std::size_t begin = token.begin + skipped;
    if (!caret_ && of_.place < token.end)
      caret_ = shown_columns(out_) +
               shown_columns(showable(text.substr(0, of_.place > begin ? of_.place - begin : 0)));
    out_ += showable(text);
  }

  void mask(const Token& token, std::string_view with) {
    if (token.end <= of_.line_begin) return;
    // One mask for what stands together: "public.t".
    const bool goes_on = with == "…" && out_.ends_with("…");
    if (!caret_ && of_.place < token.end) caret_ = shown_columns(out_) - (goes_on ? 1 : 0);
    if (!goes_on) out_ += with;
  }

  const LineToMask& of_;
  int words_ = 0;                   ///< Of the statement so far.
  bool defining_ = false;           ///< Its first word makes, changes or removes an object.
  bool value_behind_name_ = false;  ///< A value may stand behind the first name.
  bool closed_ = false;             ///< No word is shown any more, up to the statement's end.
  bool closed_at_semicolon_;
  std::string out_;
  std::optional<std::size_t> caret_;
};

}  // namespace

std::optional<MaskedLine> mask_line(const LineToMask& line) { return Masking(line).run(); }

}  // namespace dbm::script
