#include <algorithm>

#include "base/memory_file.h"
#include "base/process.h"
#include "postgres/client_tools.h"
#include "postgres/restore.h"
#include "postgres/sql_words.h"

namespace dbm::postgres {
namespace {

constexpr std::size_t kBlock = std::size_t{256} << 10;

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

/// "213; 1259 16385 TABLE public orders owner". The list does not quote: with blanks in names every way to
/// read the line is a candidate, which can only make the list longer.
void add_table(std::string_view line, std::vector<std::string>& tables) {
  const auto words = words_of(line);
  constexpr std::size_t kFirst = 4;  // of the schema
  if (words.size() < kFirst + 3 || !words[0].ends_with(";") || words[3] != "TABLE") return;
  const auto joined = [&](std::size_t begin, std::size_t end) {
    return std::string_view(
        words[begin].data(),
        static_cast<std::size_t>(words[end - 1].data() + words[end - 1].size() - words[begin].data()));
  };
  for (std::size_t name = kFirst + 1; name < words.size() - 1; ++name)
    for (std::size_t owner = name + 1; owner < words.size(); ++owner)
      tables.push_back(plain_name({joined(kFirst, name), joined(name, owner)}));
}

Result<std::vector<std::string>> tables_of(const MemoryFile& list) {
  const auto text = list.read();
  if (!text) return text.error().during("pg_restore's list");
  std::vector<std::string> tables;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    add_table(rest.substr(0, end), tables);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  std::ranges::sort(tables);
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  return tables;
}

Result<ChildProcess> start(const std::string& program, std::vector<std::string> arguments,
                           std::vector<int> keep_open = {}) {
  ProcessSpec process;
  process.argv = {program};
  process.argv.insert(process.argv.end(), arguments.begin(), arguments.end());
  process.environment = {{"LC_ALL", "C"}};
  process.pipe_stdin = true;
  process.pipe_stdout = false;
  process.keep_open = std::move(keep_open);
  auto child = ChildProcess::start(process);
  if (!child) return Error{ErrorKind::Terminal, "BackupFailed", child.error().message, "ProducerFailed"};
  return child;
}

bool stopped_reading(const Result<>& written) {
  return !written && written.error().failure_reason() == "ProducerFailed";
}

/// Exit code 0, or what the program made of the archive.
Result<> judge(ChildProcess& child, Deadline deadline, const std::stop_token& stop) {
  const auto exit_code = child.wait(deadline, stop);
  if (!exit_code) return exit_code.error();
  if (*exit_code == 0) return {};
  Error error = client_failed("pg_restore", *exit_code, child.stderr_tail(), "BackupFailed");
  if (error.cause == "ProducerFailed") error.cause = "BackupCorrupt";
  return error.during("read the archive");
}

}  // namespace

Result<std::vector<std::string>> read_whole_archive(int server_version_num, const ArchiveReader& read,
                                                    Deadline deadline, const std::stop_token& stop) {
  const auto tool = find_client("pg_restore", server_version_num);
  if (!tool) return tool.error();
  // Not through a pipe: the program would wait for us to read it while we wait for it to read.
  const auto list = MemoryFile::make();
  if (!list) return list.error();
  // Two readers of one pass: the first takes the table of contents and ends, the second reads every byte.
  auto contents = start(tool->path, {"--list", "--file=" + list->path()}, {list->descriptor()});
  if (!contents) return contents.error();
  auto whole = start(tool->path, {"--file=/dev/null"});
  if (!whole) return whole.error();

  std::vector<char> block(kBlock);
  bool wants_more = true;
  while (true) {
    const auto got = read(block);
    if (!got) return got.error();
    if (*got == 0) break;
    const std::string_view bytes{block.data(), *got};
    if (wants_more) {
      const auto written = contents->write(bytes, deadline, stop);
      if (!written && !stopped_reading(written)) return written.error();
      wants_more = static_cast<bool>(written);
    }
    const auto written = whole->write(bytes, deadline, stop);
    if (stopped_reading(written)) break;
    if (!written) return written.error();
  }
  whole->close_stdin();
  contents->close_stdin();
  if (const auto judged = judge(*whole, deadline, stop); !judged) return judged.error();
  if (const auto judged = judge(*contents, deadline, stop); !judged) return judged.error();
  return tables_of(*list);
}

}  // namespace dbm::postgres
