package contract

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A chunk is: one byte of format version, the CRC-32C of what follows, the length of the content as a varint, and the
// content in DEFLATE. A chunk that was damaged, cut or made by a newer version is refused, never half understood.
//
// DEFLATE of the standard library: Zstandard makes the source of a large contract 10 % smaller and an index larger, and
// adds 300 KB to each binary; an index is read in 0.1 ms either way.
const (
	version      = 1
	headSize     = 1 + crc32.Size
	maxChunk     = 16 << 20 // content of a chunk; nothing that Compile makes comes near it
	maxMediaType = 1 << 10
	maxFactor    = 1032 // DEFLATE expands no input by more: a length beyond that is a lie
)

// ErrChunk is what every chunk that cannot be read gives.
var ErrChunk = errors.New("the chunk is damaged, or not of this version")

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Pack makes a chunk of its content. Level is one of compress/flate.
func Pack(content []byte, level int) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, headSize))
	b.Write(binary.AppendUvarint(nil, uint64(len(content))))
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		return nil, fmt.Errorf("pack chunk: %w", err)
	}
	if _, err := w.Write(content); err != nil {
		return nil, fmt.Errorf("pack chunk: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack chunk: %w", err)
	}
	chunk := b.Bytes()
	chunk[0] = version
	binary.BigEndian.PutUint32(chunk[1:], crc32.Checksum(chunk[headSize:], castagnoli()))
	return chunk, nil
}

// Unpack gives the content of a chunk, or ErrChunk.
func Unpack(chunk []byte) ([]byte, error) {
	if len(chunk) <= headSize || chunk[0] != version {
		return nil, ErrChunk
	}
	body := chunk[headSize:]
	if crc32.Checksum(body, castagnoli()) != binary.BigEndian.Uint32(chunk[1:]) {
		return nil, ErrChunk
	}
	size, n := binary.Uvarint(body)
	if n <= 0 || size > maxChunk || size > uint64(len(body))*maxFactor {
		return nil, ErrChunk
	}
	rest := bytes.NewReader(body[n:])
	r := flate.NewReader(rest)
	content := make([]byte, size)
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChunk, err)
	}
	if extra, err := r.Read(make([]byte, 1)); extra != 0 || !errors.Is(err, io.EOF) || rest.Len() > 0 {
		return nil, ErrChunk
	}
	return content, nil
}

// PackSource makes the chunk that keeps the document itself.
func PackSource(document []byte, mediaType string) ([]byte, error) {
	content := make([]byte, 0, len(document)+len(mediaType)+binary.MaxVarintLen64)
	content = appendText(content, mediaType)
	return Pack(append(content, document...), flate.DefaultCompression)
}

// Source gives back the document, byte for byte, and the media type it was sent with. The error is ErrChunk.
func Source(chunk []byte) (document []byte, mediaType string, err error) {
	content, err := Unpack(chunk)
	if err != nil {
		return nil, "", err
	}
	size, n := binary.Uvarint(content)
	if n <= 0 || size > maxMediaType || len(content) < n+int(size) {
		return nil, "", ErrChunk
	}
	document = content[n+int(size):]
	return document, string(content[n : n+int(size)]), nil
}

// PackFindings makes the chunk that keeps the findings.
func PackFindings(findings []Finding) ([]byte, error) {
	content, err := json.Marshal(findings)
	if err != nil {
		return nil, fmt.Errorf("pack findings: %w", err)
	}
	return Pack(content, flate.DefaultCompression)
}

// DecodeFindings gives back the findings. The error is ErrChunk.
func DecodeFindings(chunk []byte) ([]Finding, error) {
	content, err := Unpack(chunk)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	if err := json.Unmarshal(content, &findings); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChunk, err)
	}
	return findings, nil
}
