/// The binary `dbm`. Everything it can do stands in cli/, a file a verb.

#include "cli/options.h"

int main(int argc, char** argv) { return dbm::cli::run(argc, argv); }
