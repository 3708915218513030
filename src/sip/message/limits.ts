/** Bounds on what a sender may make us look at. Beyond them a message is malformed, never an exception. */

/** A UDP datagram cannot be longer; on a stream a longer message breaks the connection. */
export const MESSAGE_BYTES_MAX = 65_535;
/** Header field lines of one message. Real INVITEs have 15 to 40. */
export const HEADERS_MAX = 200;
/** Start line and header fields together, on a stream, before the empty line must have come. */
export const HEADER_SECTION_BYTES_MAX = 32_768;
/** RFC 3261 §8.1.1.5: CSeq is below 2^31. */
export const CSEQ_MAX = 2 ** 31 - 1;
/** RFC 3261 §20.22. */
export const MAX_FORWARDS_MAX = 255;
export const PORT_MAX = 65_535;
