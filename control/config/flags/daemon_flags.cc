#include "control/config/flags/daemon_flags.h"

#include <CLI/CLI.hpp>

namespace warp::config {
namespace {

void DeclareCheck(CLI::App& app, bool& check) {
  app.add_flag("--check", check,
               "Reads the configuration and its keys, says what is wrong, and starts nothing");
}

}  // namespace

void DeclareNodeFlags(CLI::App& app, NodeFlags& flags) {
  app.name("warpd");
  app.description("WARP node: seals each payload once and sends it over every path");
  app.footer(
      "SIGTERM and SIGINT end it in order: what was accepted is sent, and peers and maps are told. "
      "SIGHUP has it follow its changed file, as `warp reload` does.");
  app.add_option("--config,-c", flags.config_file, "YAML configuration file")
      ->type_name("FILE")
      ->capture_default_str();
  DeclareCheck(app, flags.check);
  app.set_version_flag("--version", std::string("warpd " WARP_VERSION));
}

void DeclareMapFlags(CLI::App& app, MapFlags& flags) {
  app.name("warp-map");
  app.description("WARP map: where nodes register and look each other up by public key");
  app.footer(
      "It needs a private key: of the file, or of --private-key-file. Options count for more than "
      "the file. SIGTERM and SIGINT end it, and the nodes are told. SIGHUP has it follow its "
      "changed "
      "file, as `warp reload` does.");
  app.add_option("--config,-c", flags.config_file, "YAML configuration file")->type_name("FILE");
  app.add_option("--listen,-l", flags.listen,
                 "Address and UDP port to listen on, such as 0.0.0.0:13116; may be repeated")
      ->type_name("ADDRESS");
  app.add_option("--private-key-file,-k", flags.private_key_file, "File with the map's private key")
      ->type_name("FILE");
  app.add_option("--control-socket,-s", flags.control_socket, "Unix socket of `warp status`")
      ->type_name("PATH");
  DeclareCheck(app, flags.check);
  app.set_version_flag("--version", std::string("warp-map " WARP_VERSION));
}

}  // namespace warp::config
