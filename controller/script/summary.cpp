#include "script/summary.h"

#include <algorithm>
#include <unordered_set>

namespace dbm::script {
namespace {

/// Words and types: never calls.
constexpr std::string_view kWordsBeforeParenthesis =
    "all and any array as between bigint bit by case char character check columns conflict constraint "
    "cube decimal default distinct do else end except exclude exists filter float for foreign from group "
    "grouping having in include int intersect interval into is join key lateral like limit materialized "
    "not null numeric of offset on only or order over overriding partition precision primary range "
    "references returning rollup row select set sets similar some storage symmetric tablesample then "
    "time timestamp to union unique using values varbit varchar varying when where window with within ";

/// Functions of pg_catalog that compute a value and do nothing else (nextval and setval move a sequence,
/// which is no state of the session that the next script could trip over).
constexpr std::string_view kHarmlessFunctions =
    "abs age array_agg array_append array_cat array_dims array_length array_lower array_position "
    "array_prepend array_remove array_replace array_to_json array_to_string array_upper ascii avg "
    "bit_and bit_length bit_or bool_and bool_or btrim cardinality cast cbrt ceil ceiling char_length "
    "character_length chr clock_timestamp coalesce col_description concat concat_ws convert_from "
    "convert_to count cume_dist current_database current_schema current_setting currval date date_bin "
    "date_part date_trunc decode degrees dense_rank div encode every exp extract first_value float4 "
    "float8 floor format format_type gcd gen_random_uuid generate_series generate_subscripts greatest "
    "has_table_privilege hashtext initcap int2 int4 int8 isfinite json_agg json_array_elements "
    "json_array_elements_text json_array_length json_build_array json_build_object json_each "
    "json_each_text json_object json_object_agg json_object_keys json_to_record json_to_recordset "
    "json_typeof jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length "
    "jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path "
    "jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys "
    "jsonb_path_query jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_to_record jsonb_to_recordset "
    "jsonb_typeof justify_days justify_hours justify_interval lag last_value lastval lcm lead least left "
    "length ln localtime localtimestamp log log10 lower lpad ltrim make_date make_interval make_time "
    "make_timestamp make_timestamptz max md5 min mod mode name nextval normalize now nth_value ntile "
    "nullif numrange int4range int8range daterange tsrange tstzrange num_nonnulls num_nulls "
    "obj_description octet_length overlay parse_ident percent_rank percentile_cont percentile_disc "
    "pg_backend_pid pg_current_xact_id pg_get_constraintdef pg_get_expr pg_get_indexdef "
    "pg_get_serial_sequence pg_get_viewdef pg_relation_size pg_size_pretty pg_sleep pg_table_size "
    "pg_total_relation_size pg_typeof pi position power quote_ident quote_literal quote_nullable radians "
    "random rank regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table "
    "repeat replace reverse right round row_number row_to_json rpad rtrim scale setseed setval sha224 "
    "sha256 sha384 sha512 sign split_part sqrt starts_with statement_timestamp stddev stddev_pop "
    "stddev_samp string_agg string_to_array strpos substr substring sum text timeofday timezone to_ascii "
    "to_char to_date to_hex to_json to_jsonb to_number to_regclass to_regtype to_timestamp to_tsquery "
    "to_tsvector plainto_tsquery transaction_timestamp translate trim trim_array trunc ts_rank "
    "txid_current unnest upper var_pop var_samp variance version width_bucket xmlelement xmlagg "
    "xmlforest btree hash gin gist brin spgist ltree ";

const std::unordered_set<std::string_view>& harmless() {
  static const std::unordered_set<std::string_view> words = [] {
    std::unordered_set<std::string_view> all;
    add_words(kWordsBeforeParenthesis, all);
    add_words(kHarmlessFunctions, all);
    return all;
  }();
  return words;
}

constexpr struct {
  std::string_view word;
  First first;
} kFirstWords[] = {{"insert", First::Insert}, {"select", First::Select}, {"update", First::Update},
                   {"delete", First::Delete}, {"create", First::Create}, {"copy", First::Copy},
                   {"set", First::Set}};

bool is_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return text == word; });
}

}  // namespace

bool is_harmless_before_parenthesis(std::string_view name) { return harmless().contains(name); }

void add_words(std::string_view list, std::unordered_set<std::string_view>& words) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    if (end > 0) words.insert(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

std::string_view Summary::word(std::size_t index) const {
  if (index >= kWords) return {};
  return {words_[index].bytes.data(), words_[index].size};
}

void Summary::keep_word(std::string_view text) {
  last_.size = static_cast<unsigned char>(std::min(text.size(), last_.bytes.size()));
  for (std::size_t i = 0; i < last_.size; ++i) {
    const char c = text[i];
    last_.bytes[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
}

void Summary::add(TokenKind kind, std::string_view text) {
  if (kind == TokenKind::Name) {
    add_name(text);
  } else if (kind == TokenKind::Open && after_name_ && !calls_ &&
             (body_ || (first_ != First::Insert && first_ != First::Create))) {
    calls_ = qualified_ || !is_harmless_before_parenthesis({last_.bytes.data(), last_.size});
  } else if (kind == TokenKind::QuotedName) {
    last_.size = 0;  // "f"(…) is a call of something unknown
  }
  after_name_ = kind == TokenKind::Name || kind == TokenKind::QuotedName;
  // s.now() is anybody's function.
  if (after_name_) qualified_ = after_dot_;
  after_dot_ = kind == TokenKind::Punctuation && text == ".";
  if (tokens_ < kWords) ++tokens_;
  if (first_ == First::None) first_ = First::Other;
}

void Summary::add_name(std::string_view text) {
  keep_word(text);
  const std::string_view word(last_.bytes.data(), last_.size);
  if (first_ == First::None) {
    first_ = First::Other;
    for (const auto& candidate : kFirstWords) {
      if (word == candidate.word) first_ = candidate.first;
    }
  }
  if (tokens_ < kWords && (tokens_ == 0 || first_ >= First::Create)) words_[tokens_] = last_;
  if (first_ == First::Insert && !body_)
    body_ = is_any(word, {"values", "select", "with", "table", "default"});
  if (first_ == First::Create && tokens_ < 4 && (word == "function" || word == "procedure"))
    routine_ = tokens_ == 1 || (tokens_ == 3 && words_[1].size == 2 && words_[2].size == 7);
  if (!special_ && first_ != First::Insert) look_for_special(word);
}

void Summary::look_for_special(std::string_view word) {
  if (first_ == First::Select) special_ = word == "into";
  if (first_ == First::Update || first_ == First::Delete) special_ = word == "null";
  if (first_ == First::Create)
    special_ = is_any(word, {"references", "partition", "as", "inherits", "like", "of", "on", "temp",
                             "temporary", "unlogged"});
}

Summary summarise(std::string_view text) {
  Summary summary;
  Lexer lexer;
  const View view{text.data(), 0, text.size(), true};
  for (Token token; lexer.next(view, token) != TokenKind::End;) {
    if (token.kind != TokenKind::Blank && token.kind != TokenKind::LineComment &&
        token.kind != TokenKind::BlockComment)
      summary.add(token.kind, view.bytes(token.begin, token.end));
  }
  return summary;
}

}  // namespace dbm::script
