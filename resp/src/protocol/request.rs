//! A request that has arrived whole: where its arguments lie. Nothing is copied but what an inline command spells with quotes.

use std::ops::Range;

use bytes::Bytes;

/// Where one argument lies in its source. 32 bits are enough: a request is at most 4 GiB long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Spans that are kept allocated between requests; a request with more gives its memory back.
const SPANS_KEPT: usize = 64;

/// The arguments of one request as the parser found them.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    spans: Vec<Span>,
    /// The arguments of an inline command, unquoted, one after the other; the spans then point here.
    unquoted: Option<Vec<u8>>,
}

impl Arguments {
    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.spans.shrink_to(SPANS_KEPT);
        self.unquoted = None;
    }

    /// Adds an argument that lies in the frame. Offsets are below [`request_bytes_max`](super::Limits), so they fit.
    pub(super) fn push(&mut self, start: usize, end: usize) {
        self.spans.push(Span { start: start as u32, end: end as u32 });
    }

    /// Adds an argument that `write` spells out, and returns what `write` returns.
    pub(super) fn unquote<T, E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>) -> Result<T, E> {
        let text = self.unquoted.get_or_insert_default();
        let start = text.len();
        let returned = write(text)?;
        let end = text.len();
        self.push(start, end);
        Ok(returned)
    }

    pub(super) const fn len(&self) -> usize {
        self.spans.len()
    }

    /// The arguments, given the frame that was parsed.
    pub(super) fn view<'a>(&'a self, frame: &'a [u8]) -> Request<'a> {
        let source = self.unquoted.as_deref().unwrap_or(frame);
        assert!(self.end() <= source.len(), "these are not the bytes that were parsed");
        Request { spans: &self.spans, source }
    }

    /// The arguments as shared slices of the frame that was parsed.
    pub(super) fn share(&self, frame: &Bytes) -> Vec<Bytes> {
        let unquoted = self.unquoted.as_deref().map(Bytes::copy_from_slice);
        let source = unquoted.as_ref().unwrap_or(frame);
        assert!(self.end() <= source.len(), "these are not the bytes that were parsed");
        self.spans.iter().map(|span| source.slice(span.range())).collect()
    }

    /// Where the last argument ends; the others lie before it.
    fn end(&self) -> usize {
        self.spans.last().map_or(0, |span| span.range().end)
    }
}

/// A request: its name and its arguments, borrowed from the buffer that they arrived in.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    spans: &'a [Span],
    source: &'a [u8],
}

impl<'a> Request<'a> {
    /// How many arguments there are, the name among them; at least one.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.spans.len()
    }

    /// Never true of a request that the parser returned.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// One argument; the name is the first.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| self.resolve(*span))
    }

    /// All arguments, the name first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let request = *self;
        request.spans.iter().map(move |span| request.resolve(*span))
    }

    /// Never the default: that all spans lie within the source was asserted when the request was made.
    fn resolve(&self, span: Span) -> &'a [u8] {
        self.source.get(span.range()).unwrap_or_default()
    }
}
