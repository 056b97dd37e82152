// A schema in words: the commented example of a configuration, and the tables of docs/config.md.
#ifndef WARP_CONTROL_CONFIG_SCHEMA_SCHEMA_TEXT_H_
#define WARP_CONTROL_CONFIG_SCHEMA_SCHEMA_TEXT_H_

#include <string>

#include "control/config/schema/schema.h"

namespace warp::config {

// YAML with every key: shown ones as they stand, others behind "# ", each below its reason (behind
// "## ").
std::string ExampleText(const Section& root);

// Markdown: one table for each section, a row for each key: name, what it takes, default, reason.
std::string ReferenceTables(const Section& root);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_SCHEMA_SCHEMA_TEXT_H_
