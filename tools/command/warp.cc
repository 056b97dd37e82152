// This file says how each command is called; what it does stands in a file of its own.
#include "tools/command/warp.h"

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "tools/command/commands.h"
#include "tools/command/gauge_command.h"
#include "tools/command/link_command.h"
#include "tools/command/map/map_verbs.h"
#include "tools/command/see/live_verbs.h"
#include "tools/command/see/see_verbs.h"
#include "tools/doctor/doctor.h"
#include "tools/gauge/gauge_datagram.h"
#include "tools/init/init.h"
#include "tools/link/link_text.h"
#include "tools/reload/reload_command.h"

namespace warp::tools {
namespace {

// An option whose value is an address to send to or to listen at.
template <typename Target>
CLI::Option* AddAddress(CLI::App* app, const std::string& name, Target& target,
                        const std::string& help) {
  return app
      ->add_option_function<std::string>(
          name,
          [&target, name](const std::string& text) {
            absl::StatusOr<GaugeAddress> address = GaugeAddress::Parse(text);
            if (!address.ok()) {
              throw CLI::ValidationError(name, std::string(address.status().message()));
            }
            target = *address;
          },
          help)
      ->type_name("ADDRESS");
}

// The options of rx and echo that say where payloads come from.
template <typename Options>
void AddSource(CLI::App* app, Options& options) {
  CLI::Option_group* source = app->add_option_group("source");
  AddAddress(source, "--listen", options.listen, "Where: a socket of its own");
  AddAddress(source, "--connect", options.listen, "Instead: a gate to connect to")
      ->each([&options](const std::string&) { options.connect = true; });
  source->require_option(1);
}

void AddKeys(CLI::App& app, int& result) {
  app.add_subcommand(
         "keygen",
         "Write a new private key to stdout. Keep it: umask 077; warp keygen >private.key")
      ->callback([&result] { result = RunKeygen(); });
  app.add_subcommand("pubkey", "Read a private key from stdin, write its public key to stdout")
      ->callback([&result] { result = RunPubkey(); });
}

void AddInit(CLI::App& app, int& result) {
  static InitOptions options;
  CLI::App* init = app.add_subcommand(
      "init",
      "Make a key and a first configuration of warpd; ask on a terminal for what is missing");
  init->footer("GATE: 127.0.0.1:9000 or LISTEN,DELIVER (loopback), tun:INTERFACE, tap:INTERFACE");
  init->add_option("--peer", options.peers, "Another site; without one, only the key is made")
      ->type_name("NAME=KEY[@ADDRESS]");
  init->add_option("--map", options.maps, "A map that knows where sites are")
      ->type_name("ADDRESS=KEY");
  init->add_option("--port,--interface", options.ports,
                   "An interface to send by; without any, all that have a default route")
      ->type_name("[NAME=]INTERFACE");
  init->add_option("--tunnel", options.tunnels,
                   "A tunnel; without any, one to each peer from 127.0.0.1:9000 on")
      ->type_name("NAME=GATE[@PEER]");
  init->add_option("--output", options.output, "The configuration")
      ->type_name("FILE")
      ->capture_default_str();
  init->add_option("--key", options.key, "The private key; kept if it is there")
      ->type_name("FILE")
      ->default_str("private.key beside it");
  init->add_flag("--force", options.force, "Replace a configuration that is there");
  init->callback([&result] { result = RunInit(options); });
}

void AddDoctor(CLI::App& app, int& result) {
  static DoctorOptions options;
  CLI::App* doctor = app.add_subcommand(
      "doctor", "Say what this machine lacks for a configuration and what to type; change nothing");
  doctor->add_option("file", options.file, "Configuration of warpd")
      ->type_name("FILE")
      ->capture_default_str();
  doctor->add_flag("--json", options.json, "As one JSON object");
  doctor->callback([&result] { result = RunDoctor(options); });
}

void AddCheck(CLI::App& app, int& result) {
  static CheckOptions options;
  CLI::App* check = app.add_subcommand(
      "check", "Say what is wrong with a configuration file; exit status 1 if anything is");
  check->add_option("file", options.file, "Configuration of warpd or warp-map")
      ->required()
      ->type_name("FILE");
  check->add_flag("--map", options.map, "It is warp-map's, whatever its keys say");
  check->add_flag("--no-keys", options.no_keys,
                  "Do not look at the key files it names: they are on another machine");
  check->callback([&result] { result = RunCheck(options); });
}

void AddExampleConfig(CLI::App& app, int& result) {
  static ExampleConfigOptions options;
  CLI::App* example =
      app.add_subcommand("example-config", "Write a commented configuration to stdout");
  example->add_flag("--map", options.map, "Of warp-map");
  example->add_flag("--reference", options.reference, "All keys as tables in Markdown instead");
  example->callback([&result] { result = RunExampleConfig(options); });
}

void AddStatus(CLI::App& app, int& result) {
  static StatusOptions options;
  CLI::App* status = app.add_subcommand(
      "status", "Whether a running warpd works, and if not, why and what to do; also warp-map's");
  status->add_option("--socket", options.socket, "The daemon's control socket")
      ->type_name("PATH")
      ->capture_default_str();
  status->add_flag("--details", options.details, "All there is to know, as tables");
  status->add_flag("--json", options.json, "As one JSON object");
  status->add_option("--watch", options.watch, "Again every so many seconds (1)")
      ->type_name("SECONDS")
      ->expected(0, 1)
      ->default_str("1")
      ->check(CLI::Range(0.01, 3600.0));
  status->callback([&result] { result = RunStatus(options); });
}

void AddTunnel(CLI::App& app, int& result) {
  static TunnelOptions options;
  CLI::App* tunnel = app.add_subcommand(
      "tunnel", "Show and change how the tunnels of a running warpd use their paths");
  tunnel->require_subcommand(1)->fallthrough();
  tunnel->add_option("--socket", options.socket, "The daemon's control socket")
      ->type_name("PATH")
      ->capture_default_str();
  tunnel->add_flag("--json", options.json, "The answer as one JSON object");
  CLI::App* show = tunnel->add_subcommand("show", "What is in force");
  show->add_option("name", options.name, "Of one tunnel")->type_name("NAME");
  show->callback([&result] { result = RunTunnel(options); });
  CLI::App* set = tunnel->add_subcommand(
      "set", "Change these keys at once, until warpd ends; needs root, or warpd's user");
  set->footer("KEY=VALUE: mode=stripe order=100ms; docs/config.md has the keys of a tunnel");
  set->add_option("name", options.name, "Which tunnel")->required()->type_name("NAME");
  set->add_option("changes", options.changes, "All of them, or none if one is wrong")
      ->required()
      ->type_name("KEY=VALUE");
  set->callback([&result] { result = RunTunnel(options); });
}

void AddCap(CLI::App& app, int& result) {
  static CapOptions options;
  CLI::App* cap = app.add_subcommand(
      "cap",
      "Show what the ports of a running warpd have carried of their data caps, and correct it");
  cap->require_subcommand(0, 1)->fallthrough();
  cap->add_option("--socket", options.socket, "The daemon's control socket")
      ->type_name("PATH")
      ->capture_default_str();
  cap->add_flag("--json", options.json, "The answer as one JSON object");
  CLI::App* show =
      cap->add_subcommand("show", "What was carried in this period; also without a word");
  show->add_option("port", options.port, "Of one port")->type_name("PORT");
  CLI::App* set = cap->add_subcommand(
      "set", "So much counts as carried in this period; needs root, or warpd's user");
  set->footer("BYTES: 12.5GB, 700MB, 0: what the bill of the link says");
  set->add_option("port", options.port, "Which port")->required()->type_name("PORT");
  set->add_option("bytes", options.bytes, "How much")->required()->type_name("BYTES");
  cap->callback([&result] { result = RunCap(options); });
}

void AddGaugeTx(CLI::App* gauge, const bool& json, int& result) {
  static GaugeTxOptions options;
  CLI::App* tx = gauge->add_subcommand(
      "tx", "Send datagrams at an even rate; with --await-echo also count what comes back");
  AddAddress(tx, "--to", options.to, "Where to")->required();
  AddAddress(tx, "--bind", options.bind, "Where from");
  tx->add_option("--rate", options.rate, "Datagrams a second; 0: as fast as it goes")
      ->check(CLI::Range(0.0, 1e7))
      ->capture_default_str();
  tx->add_option("--size", options.size, "Bytes of each")
      ->check(CLI::Range(kGaugeHeaderSize, kMaxGaugeSize))
      ->capture_default_str();
  tx->add_option("--seconds", options.seconds, "How long; 0: until interrupted")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  tx->add_flag("--await-echo", options.await_echo, "Expect each datagram back");
  tx->add_option("--wait-ready", options.wait_ready,
                 "Wait so many seconds for a first echo before the run begins")
      ->check(CLI::Range(0.0, 1e6))
      ->needs("--await-echo");
  tx->add_option("--drain", options.drain, "Wait so many seconds for the last echoes")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  tx->add_option("--interval", options.interval, "A line on stderr every so many seconds")
      ->check(CLI::Range(0.01, 1e6));
  CLI::Option* one_by_one =
      tx->add_flag("--one-by-one", options.one_by_one,
                   "The next one only when the last came back, or did not for a second")
          ->needs("--await-echo");
  tx->add_flag("--spin", options.spin, "Never sleep: look again and again for what comes back")
      ->needs(one_by_one);
  tx->add_flag("--distribution", options.distribution, "With --json: all latencies");
  tx->callback([&json, &result] { result = RunGauge(options, json); });
}

void AddGaugeRx(CLI::App* gauge, const bool& json, int& result) {
  static GaugeRxOptions options;
  CLI::App* rx = gauge->add_subcommand("rx", "Receive what tx sends, and say what is missing");
  AddSource(rx, options);
  rx->add_option("--seconds", options.seconds, "How long; without it until nothing came for --idle")
      ->check(CLI::Range(0.01, 1e9));
  rx->add_option("--idle", options.idle,
                 "Seconds without an arrival that end the run, once it began")
      ->check(CLI::Range(0.01, 1e6))
      ->capture_default_str();
  rx->add_option("--expect", options.expect,
                 "How many are sent; without it the highest number that came tells");
  rx->add_option("--interval", options.interval, "A line on stderr every so many seconds")
      ->check(CLI::Range(0.01, 1e6));
  rx->add_option("--timeline", options.timeline,
                 "With --json: arrivals in each interval of so many seconds")
      ->check(CLI::Range(0.0001, 60.0));
  rx->add_flag("--distribution", options.distribution, "With --json: all latencies");
  rx->callback([&json, &result] { result = RunGauge(options, json); });
}

void AddGaugeEcho(CLI::App* gauge, const bool& json, int& result) {
  static GaugeEchoOptions options;
  CLI::App* echo = gauge->add_subcommand("echo", "Send every datagram back to where it came from");
  AddSource(echo, options);
  echo->add_option("--seconds", options.seconds, "How long; without it until interrupted")
      ->check(CLI::Range(0.01, 1e9));
  echo->add_flag("--spin", options.spin, "Never sleep: look again and again for what comes");
  echo->callback([&json, &result] { result = RunGauge(options, json); });
}

void AddGauge(CLI::App& app, int& result) {
  static bool json = false;
  CLI::App* gauge = app.add_subcommand(
      "gauge", "Measure: loss, duplicates, order, latency and gaps of datagrams");
  gauge->footer("ADDRESS: 127.0.0.1:9000, [::1]:9000, unix:PATH or unix-seqpacket:PATH");
  gauge->require_subcommand(1)->fallthrough();
  gauge->add_flag("--json", json, "The summary as one JSON object");
  AddGaugeTx(gauge, json, result);
  AddGaugeRx(gauge, json, result);
  AddGaugeEcho(gauge, json, result);
}

void AddLab(CLI::App& app, int& result) {
  static LabLinkOptions options;
  CLI::App* lab = app.add_subcommand(
      "lab", "Links of a laboratory: the rate, delay, loss and outages that you choose");
  lab->require_subcommand(1);
  CLI::App* link = lab->add_subcommand(
      "link", "Be a link between two interfaces: rate, buffer, delay, loss, outages; needs root");
  link->footer("PROPERTIES: rate=20Mbit,buffer=400ms,delay=30ms; docs/lab.md explains all: " +
               LinkKeys());
  link->add_option("near", options.near, "One end")->required()->type_name("NEAR");
  link->add_option("far", options.far, "The other end")->required()->type_name("FAR");
  link->add_option("--both", options.both, "Of both directions")->type_name("PROPERTIES");
  link->add_option("--up", options.up, "Of the way from NEAR to FAR, besides or instead")
      ->type_name("PROPERTIES");
  link->add_option("--down", options.down, "Of the way from FAR to NEAR, besides or instead")
      ->type_name("PROPERTIES");
  link->add_option("--seed", options.seed, "Of all chances")->capture_default_str();
  link->add_option("--seconds", options.seconds, "How long; without it until interrupted")
      ->check(CLI::Range(0.01, 1e9));
  link->add_option("--log", options.log, "Write a line of JSON each interval")->type_name("FILE");
  link->add_option("--log-interval", options.log_interval, "Milliseconds")
      ->check(CLI::Range(1, 60000))
      ->capture_default_str();
  link->add_option("--memory", options.memory, "MiB for frames under way, in each direction")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  link->add_flag("--joined", options.joined, "Pass joined frames (GSO), which no wire has, whole");
  link->add_flag("--spin", options.spin, "Never sleep in the last 50 us before a frame is due");
  link->add_flag("--json", options.json, "The summary as one JSON object");
  link->callback([&result] { result = RunLabLink(options); });
}

void AddRun(CLI::App& app, const std::vector<std::string>& command, int& result) {
  static RunOptions options;
  CLI::App* run = app.add_subcommand(
      "run",
      "Run an application whose blocking sends into a Unix gate return once the payload was sent");
  run->footer("The application and its arguments stand after --");
  CLI::Option_group* which = run->add_option_group("gate");
  which->add_option("--gate", options.gate, "The tunnel it belongs to")->type_name("NAME");
  which->add_option("--path", options.path, "Its socket file")->type_name("PATH");
  which->require_option(1);
  CLI::Option* config =
      run->add_option("--config", options.config, "Look the tunnel up in this file of warpd's")
          ->type_name("FILE");
  run->add_option("--socket", options.socket, "Ask this control socket of warpd's about it")
      ->type_name("PATH")
      ->capture_default_str()
      ->excludes(config);
  run->callback([&command, &result] {
    if (command.empty()) throw CLI::ValidationError("run", "the application stands after --");
    options.command = command;
    result = RunRun(options);
  });
}

}  // namespace

void DeclareWarp(CLI::App& app, const std::vector<std::string>& command, int& result) {
  app.name("warp");
  app.description("WARP: payloads over every path at once");
  app.set_version_flag("--version", WARP_VERSION);
  app.require_subcommand(1);
  for (const auto add :
       {AddKeys, AddInit, AddDoctor, AddCheck, AddExampleConfig, AddReload, AddStatus, AddSeeVerbs,
        AddLiveVerbs, AddTunnel, AddCap, AddMap, AddGauge, AddLab}) {
    add(app, result);
  }
  AddRun(app, command, result);
  // Last, because verbs take over what is there before them.
  app.footer(
      "Each verb exits with 0, or with 1 where something is wrong; run exits as its application "
      "does.");
}

}  // namespace warp::tools
