#include "script/psql_line.h"

#include <algorithm>
#include <array>

#include "script/lexer.h"

namespace dbm::script {
namespace {

constexpr std::string_view kSkipped[] = {"restrict", "unrestrict", "echo", "qecho", "warn",
                                         "timing",   "pset",       "a",    "t",     "x"};

/// psql's own variables that change what people see, never what is done.
constexpr std::string_view kDisplayVariables[] = {
    "comp_keyword_case", "echo",     "echo_hidden", "hide_tableam",     "hide_toast_compression",
    "histcontrol",       "histfile", "histsize",    "ignoreeof",        "prompt1",
    "prompt2",           "prompt3",  "quiet",       "show_all_results", "show_context",
    "verbosity"};

struct Refused {
  std::string_view command;
  std::string_view why;
  std::string_view remedy;
};

constexpr std::string_view kOther = "is a command of psql, not SQL";
constexpr Refused kRefused[] = {
    {"c", "changes the database",
     "one object migrates one database: write a second DatabaseMigration for the other one"},
    {"connect", "changes the database",
     "one object migrates one database: write a second DatabaseMigration for the other one"},
    {"i", "reads another file", "make the other file a script of its own, or put its text here"},
    {"include", "reads another file", "make the other file a script of its own, or put its text here"},
    {"ir", "reads another file", "make the other file a script of its own, or put its text here"},
    {"include_relative", "reads another file",
     "make the other file a script of its own, or put its text here"},
    {"copy", "reads a file beside psql",
     "put the rows into the script: COPY … FROM stdin; rows; and \\. on a line alone"},
    {"!", "runs a program", "remove it: scripts run SQL only"},
    {"set", "sets a variable of psql", "write the value itself: variables are not replaced"},
    {"getenv", "reads the environment", "write the value itself: variables are not replaced"},
    {"prompt", "asks a person", "write the value itself: variables are not replaced"},
    {"gset", "puts a result into variables", "write it as one statement, or as a DO block"},
    {"gexec", "runs what a query returns", "write the statements out, or use a DO block with EXECUTE"},
    {"gx", "changes how a result is shown", "write ; instead"},
    {"g", "sends a result to a file or a program", "write ; instead"},
    {"watch", "repeats a statement", "remove it"},
    {";", "joins statements into one message", "write ; instead"},
    {"if", "makes the script depend on variables",
     "write a script that does the same everywhere, or a DO block"},
    {"elif", "makes the script depend on variables",
     "write a script that does the same everywhere, or a DO block"},
    {"else", "makes the script depend on variables",
     "write a script that does the same everywhere, or a DO block"},
    {"endif", "makes the script depend on variables",
     "write a script that does the same everywhere, or a DO block"},
    {"o", "writes results to a file", "remove it"},
    {"out", "writes results to a file", "remove it"},
    {"cd", "changes the folder", "remove it"},
    {"encoding", "changes the encoding", "save the file as UTF-8 and remove the line"},
    {".", "ends the rows of a COPY, and none is open", "remove it, or check the COPY … FROM stdin before it"},
    {"q", "ends psql", "remove it, and what follows it"},
    {"quit", "ends psql", "remove it, and what follows it"}};

bool is_one_of(std::string_view word, auto begin, auto end) { return std::find(begin, end, word) != end; }

/// Arguments reach to the line's end, or to a backslash outside quotes, where the next command or more SQL
/// begins.
std::size_t end_of_arguments(std::string_view line, std::size_t at) {
  char quote = 0;
  for (; at < line.size(); ++at) {
    const char c = line[at];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"' || c == '`') {
      if (line.find(c, at + 1) != std::string_view::npos) quote = c;
    } else if (c == '\\') {
      return at;
    }
  }
  return at;
}

bool is_skipped(std::string_view word, std::string_view arguments) {
  if (is_one_of(word, std::begin(kSkipped), std::end(kSkipped))) return true;
  const std::string low = lower(arguments);
  if (word == "encoding")
    return low == "utf8" || low == "utf-8" || low == "unicode" || low == "'utf8'" || low == "'utf-8'";
  if (word != "set") return false;
  const std::size_t blank = low.find_first_of(" \t");
  const std::string name = low.substr(0, blank);
  const std::string value =
      blank == std::string::npos ? "" : std::string(trim(std::string_view(low).substr(blank)));
  if (name == "on_error_stop") return value == "on" || value == "1" || value == "true" || value == "'on'";
  return is_one_of(name, std::begin(kDisplayVariables), std::end(kDisplayVariables));
}

}  // namespace

PsqlLine judge_psql_line(std::string_view line, bool inside) {
  PsqlLine result;
  std::size_t end = 1;
  while (end < line.size() && !is_blank(static_cast<unsigned char>(line[end])) && line[end] != '\\') ++end;
  // These are one sign long whatever follows.
  if (line.size() > 1 && (line[1] == '!' || line[1] == ';' || line[1] == '\\')) end = 2;
  const std::string_view word = line.substr(1, end - 1);
  result.command = "\\" + std::string(word.substr(0, 40));
  result.size = end_of_arguments(line, end);
  const std::string_view arguments = trim(line.substr(end, result.size - end));

  if (word == "g" && arguments.empty() && inside) {
    result.verdict = PsqlLine::Verdict::EndsStatement;
    return result;
  }
  if (!inside && is_skipped(word, arguments)) {
    result.verdict = PsqlLine::Verdict::Skip;
    // A double backslash ends the arguments, and SQL follows.
    if (line.substr(result.size, 2) == "\\\\") result.size += 2;
    return result;
  }
  if (inside && is_skipped(word, arguments)) {
    result.why = "stands inside a statement";
    result.remedy = "end the statement before it with ;";
    return result;
  }
  result.why = kOther;
  result.remedy = "remove it";
  for (const Refused& refused : kRefused) {
    if (refused.command != word) continue;
    result.why = refused.why;
    result.remedy = refused.remedy;
  }
  if (word == "g" && arguments.empty()) result.why = "without a statement before it repeats the last one";
  return result;
}

}  // namespace dbm::script
