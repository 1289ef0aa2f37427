#include "script/classify.h"

#include <pg_query.h>
#include <pthread.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "script/lexer.h"
#include "script/parse.h"
#include "script/tree_class.h"

namespace dbm::script {
namespace {

/// Over this a text may nest too deeply for an ordinary stack: a term needs two bytes and about 100 bytes of
/// stack.
constexpr std::size_t kShallow = 8 * 1024;
/// Over this the tree would cost more memory than a class is worth.
constexpr std::size_t kParsed = 1024 * 1024;
constexpr std::size_t kStack = 512ULL * 1024 * 1024;

/// The parser counts characters from 1; we count bytes from 0.
int byte_offset(std::string_view text, int character) {
  if (character <= 0) return -1;
  std::size_t at = 0;
  for (int seen = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (begins && ++seen == character) break;
  }
  return static_cast<int>(std::min(at, text.size()));
}

void take_error(const PgQueryError& error, std::string_view text, StatementClass& out) {
  out.syntax_error = error.message != nullptr ? error.message : "syntax error";
  out.syntax_offset = byte_offset(text, error.cursorpos);
  out.effects |= kUnknown;
}

StatementClass parse(std::string_view text) {
  const std::string ended(text);  // the library wants a NUL
  const PgQueryParseResult result = pg_query_parse(ended.c_str());
  StatementClass out;
  if (result.error != nullptr) {
    out = class_of_keywords(summarise(text)).what;
    take_error(*result.error, text, out);
  } else {
    const nlohmann::json tree = nlohmann::json::parse(result.parse_tree, nullptr, false);
    const nlohmann::json& statements = at(tree, "stmts");
    if (statements.is_array() && !statements.empty()) out = class_of_tree(at(statements[0], "stmt"));
  }
  pg_query_free_parse_result(result);
  return out;
}

StatementClass by_keywords_only(std::string_view text) {
  StatementClass out = class_of_keywords(summarise(text)).what;
  out.effects |= kUnknown;
  out.lock = LockClass::Unknown;
  return out;
}

void* run_work(void* work) {
  (*static_cast<const std::function<void()>*>(work))();
  return nullptr;
}

}  // namespace

bool on_deep_stack(const std::function<void()>& work) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_t thread;
  const bool started =
      pthread_attr_setstacksize(&attributes, kStack) == 0 &&
      pthread_create(&thread, &attributes, run_work, const_cast<std::function<void()>*>(&work)) == 0;
  pthread_attr_destroy(&attributes);
  if (started) pthread_join(thread, nullptr);
  return started;
}

StatementClass classify_by_tree(std::string_view text) {
  if (text.size() <= kShallow) return parse(text);
  if (text.size() > kParsed) return by_keywords_only(text);
  StatementClass out;
  return on_deep_stack([&] { out = parse(text); }) ? out : by_keywords_only(text);
}

StatementClass classify(std::string_view text) {
  KeywordClass by_words = class_of_keywords(summarise(text));
  return by_words.exact ? std::move(by_words.what) : classify_by_tree(text);
}

bool check_syntax(std::string_view text, StatementClass& out) {
  if (text.size() > kShallow) return true;
  const std::string ended(text);
  // Splitting runs the same parser without writing a tree, which costs more than the parse.
  const PgQuerySplitResult result = pg_query_split_with_parser(ended.c_str());
  const bool understood = result.error == nullptr;
  if (!understood) take_error(*result.error, text, out);
  pg_query_free_split_result(result);
  return understood;
}

}  // namespace dbm::script
