-- A page of bookings.
create type api.booking_page as (
  bookings api.booking[],
  total bigint,
  total_is_capped boolean,
  page integer,
  page_size integer,
  has_more boolean
);
comment on type api.booking_page is
  'A page of bookings, newest first. total: all that match, counted up to 10,000; '
  'total_is_capped: there are more than that. has_more: the next page is not empty.';
