#include "source/sources.h"

#include <utility>

#include "source/kinds.h"

namespace dbm::source {
namespace {

class AllSources final : public migration::Sources {
 public:
  AllSources(kubernetes::Objects& objects, SourceRoots roots) : objects_(objects), roots_(std::move(roots)) {}

  Result<Texts> texts(const migration::Migration& migration, Deadline deadline,
                      const std::stop_token& stop) override {
    const migration::SourceSpec& source = migration.spec.source;
    if (!source.inline_scripts.empty()) return read_inline(migration);
    if (!source.config_maps.empty()) return read_config_maps(migration, objects_, deadline, stop);
    const auto place = place_of(migration, roots_);
    if (!place) return place.error();
    auto read = read_directory(*place);
    if (!read)
      return read.error().at.file.empty()
                 ? read.error().with_position(position_in(migration, "/spec/source/directory/path"))
                 : read.error();
    return read;
  }

 private:
  kubernetes::Objects& objects_;
  SourceRoots roots_;
};

}  // namespace

std::unique_ptr<migration::Sources> make_sources(kubernetes::Objects& objects, SourceRoots roots) {
  return std::make_unique<AllSources>(objects, std::move(roots));
}

Position position_in(const migration::Migration& migration, const std::string& pointer) {
  const kubernetes::Object& object = migration.object;
  return object.position ? object.position(pointer) : Position{object.file};
}

}  // namespace dbm::source
