#pragma once
/// The names in a set. Private to the room.

#include <string>

namespace dbm::artifact {

inline constexpr char kArtifactName[] = "artifact.dbm";
inline constexpr char kSchemaName[] = "schema.dbm";
inline constexpr char kManifestName[] = "manifest.json";
inline constexpr char kCompleteName[] = "COMPLETE";
inline constexpr char kVerifiedStem[] = "verified-";

}  // namespace dbm::artifact
