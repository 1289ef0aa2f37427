/// Enumerators as users see them.
#include <cstdlib>

#include "migration/object.h"

namespace dbm::migration {

std::string_view to_string(BackupMethod method) {
  switch (method) {
    case BackupMethod::Logical:
      return "Logical";
    case BackupMethod::SchemaOnly:
      return "SchemaOnly";
    case BackupMethod::None:
      return "None";
  }
  std::abort();
}

std::string_view to_string(VerifyLevel level) {
  switch (level) {
    case VerifyLevel::Checksum:
      return "Checksum";
    case VerifyLevel::Decode:
      return "Decode";
    case VerifyLevel::Structure:
      return "Structure";
  }
  std::abort();
}

std::string_view to_string(DryRunMode mode) {
  switch (mode) {
    case DryRunMode::Auto:
      return "Auto";
    case DryRunMode::Rehearse:
      return "Rehearse";
    case DryRunMode::Plan:
      return "Plan";
    case DryRunMode::Disabled:
      return "Disabled";
  }
  std::abort();
}

std::string_view to_string(ApplyTransaction transaction) {
  switch (transaction) {
    case ApplyTransaction::PerScript:
      return "PerScript";
    case ApplyTransaction::AllPending:
      return "AllPending";
  }
  std::abort();
}

std::string_view to_string(Gate gate) {
  switch (gate) {
    case Gate::Before:
      return "Before";
    case Gate::InTransaction:
      return "InTransaction";
    case Gate::After:
      return "After";
  }
  std::abort();
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::Error:
      return "Error";
    case Severity::Warning:
      return "Warning";
  }
  std::abort();
}

std::string_view to_string(PhaseName phase) {
  switch (phase) {
    case PhaseName::Plan:
      return "Plan";
    case PhaseName::Backup:
      return "Backup";
    case PhaseName::DryRun:
      return "DryRun";
    case PhaseName::Apply:
      return "Apply";
    case PhaseName::Validate:
      return "Validate";
  }
  std::abort();
}

}  // namespace dbm::migration
