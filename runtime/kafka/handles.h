#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>

namespace moult::kafka {

// One unreleased handle makes rd_kafka_destroy() hang for ever, so every one is owned by a type.

template <typename T, void (*Release)(T*)>
struct Releaser {
  void operator()(T* handle) const noexcept { Release(handle); }
};

template <typename T, void (*Release)(T*)>
using Owned = std::unique_ptr<T, Releaser<T, Release>>;

using ConfHandle =
    std::unique_ptr<rd_kafka_conf_t, Releaser<rd_kafka_conf_t, rd_kafka_conf_destroy>>;

class TokenFeed;

/// A client's own thread for its tokens, where it has one, ends before the client.
struct ClientReleaser {
  std::shared_ptr<TokenFeed> feed = nullptr;

  void operator()(rd_kafka_t* client) noexcept {
    feed.reset();
    rd_kafka_destroy(client);
  }
};
using ClientHandle = std::unique_ptr<rd_kafka_t, ClientReleaser>;
using QueueHandle =
    std::unique_ptr<rd_kafka_queue_t, Releaser<rd_kafka_queue_t, rd_kafka_queue_destroy>>;
using EventHandle =
    std::unique_ptr<rd_kafka_event_t, Releaser<rd_kafka_event_t, rd_kafka_event_destroy>>;
using TopicHandle =
    std::unique_ptr<rd_kafka_topic_t, Releaser<rd_kafka_topic_t, rd_kafka_topic_destroy>>;
using MessageHandle =
    std::unique_ptr<rd_kafka_message_t, Releaser<rd_kafka_message_t, rd_kafka_message_destroy>>;
using MetadataHandle =
    std::unique_ptr<const rd_kafka_metadata_t,
                    Releaser<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>>;
using HeadersHandle =
    std::unique_ptr<rd_kafka_headers_t, Releaser<rd_kafka_headers_t, rd_kafka_headers_destroy>>;
using ErrorHandle =
    std::unique_ptr<rd_kafka_error_t, Releaser<rd_kafka_error_t, rd_kafka_error_destroy>>;
using PartitionListHandle = std::unique_ptr<
    rd_kafka_topic_partition_list_t,
    Releaser<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>>;

}  // namespace moult::kafka
