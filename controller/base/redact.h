#pragma once
/// The last net under the rule that no secret leaves the process: known secret values are taken out of
/// whatever text goes outside. Safe to call from any thread.

#include <string>
#include <string_view>

namespace dbm::redact {

/// From now on scrub() removes `secret`, raw, URL-encoded and in base64. Shorter than 4 bytes is ignored:
/// it would blank ordinary text.
void remember(std::string_view secret);

/// `text` with every remembered secret replaced by "[redacted]".
std::string scrub(std::string text);

}  // namespace dbm::redact
