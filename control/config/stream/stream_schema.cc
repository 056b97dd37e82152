#include "control/config/stream/stream_schema.h"

namespace warp::config {
namespace {

constexpr size_t kMaxListen = 16;
constexpr size_t kMaxPem = size_t{1} << 20;

}  // namespace

const SectionOf<StreamConfig>& StreamSchema() {
  static const SectionOf<StreamConfig>& section =
      Declare<StreamConfig>([](SectionOf<StreamConfig>& s) {
        s.Scalars("listen", &StreamConfig::listen, EndpointText(), 1, kMaxListen)
            .Why(
                "The addresses and TCP ports at which the map takes TLS connections. Networks "
                "that block UDP let port 443 pass, if any.");
        s.Scalar("cert", &StreamConfig::certificate_file, FilePath())
            .Example("/etc/warp/map-tls.pem")
            .Otherwise("one that the map makes at each start")
            .Why(
                "The file of the map's certificate, in PEM, with those that lead to an "
                "authority. Nodes do not verify it, since what they say is sealed for the map's "
                "WARP key; it is for networks that look at certificates. It needs `key`.");
        s.Scalar("key", &StreamConfig::key_file, FilePath())
            .Example("/etc/warp/map-tls.key")
            .Otherwise("one that the map makes at each start")
            .Why(
                "The file of that certificate's private key, in PEM. It is refused if group or "
                "others have any right to it.");
        s.Check([](Reader& reader, const std::string& path, StreamConfig& stream) {
          if (stream.certificate_file.empty() != stream.key_file.empty())
            reader.Fail(path, "cert and key belong together: a certificate needs its key");
        });
      });
  return section;
}

void ReadStreamFiles(const Source& source, Reader& reader, StreamConfig& stream) {
  Unique listen(reader);
  for (size_t i = 0; i < stream.listen.size(); ++i)
    listen.Claim(ItemPath("stream.listen", i), stream.listen[i].ToString());
  ReadText(source, reader, "stream.cert", stream.certificate_file, kMaxPem, Readers::kAnyone,
           stream.certificate);
  ReadText(source, reader, "stream.key", stream.key_file, kMaxPem, Readers::kOwnerAlone,
           stream.key);
}

}  // namespace warp::config
