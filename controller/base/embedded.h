#pragma once
/// Files the build compiles into the binary (cmake/embed.cmake).

namespace dbm {

struct EmbeddedFile {
  const char* name;  ///< The base name.
  const char* text;  ///< The whole content, NUL-terminated.
};

}  // namespace dbm
