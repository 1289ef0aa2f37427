#include "artifact/small_object.h"

namespace dbm::artifact {

Result<> put_object(Store& store, const std::string& name, std::string_view text) {
  const auto upload = store.create(name);
  if (!upload) return upload.error();
  if (const auto written = (*upload)->append(text); !written) return written.error();
  return (*upload)->commit();
}

Result<std::optional<std::string>> get_object(Store& store, const std::string& name, std::size_t bytes_max) {
  const auto download = store.open(name);
  if (!download) return download.error();
  if (!*download) return std::optional<std::string>{};
  std::string text;
  std::vector<char> buffer(64 << 10);
  while (text.size() <= bytes_max) {
    const auto got = (*download)->read(buffer);
    if (!got) return got.error();
    if (*got == 0) break;
    text.append(buffer.data(), *got);
  }
  if (text.size() > bytes_max) text.resize(bytes_max + 1);
  return std::optional<std::string>{std::move(text)};
}

}  // namespace dbm::artifact
