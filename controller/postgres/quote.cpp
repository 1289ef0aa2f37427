#include "postgres/session.h"

namespace dbm::postgres {
namespace {

std::string doubled(std::string_view text, char mark) {
  std::string out;
  out.reserve(text.size() + 2);
  out += mark;
  for (const char c : text) {
    if (c == mark) out += c;
    out += c;
  }
  out += mark;
  return out;
}

}  // namespace

std::string quote_ident(std::string_view name) { return doubled(name, '"'); }

std::string quote_literal(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return doubled(text, '\'');
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') escaped += c;
    escaped += c;
  }
  return "E" + doubled(escaped, '\'');
}

}  // namespace dbm::postgres
