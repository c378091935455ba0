-- What became of one booking of several.
create type api.booking_result as (
  booking_id text,
  done boolean,
  code text,
  message text,
  booking api.booking
);
comment on type api.booking_result is
  'One of several bookings. done: whether it is as asked for now. code, message: why not, as '
  'in docs/errors.md, else null. booking: as it is now, replayed when it was so before; null '
  'when it does not exist.';
