-- Finds a booking by its booking_id: the one that keeps the rules, else an old one that does not.
create or replace function hubspot_sync.find_booking(p_booking_id text)
  returns uuid
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- Each half has its own partial index.
  return coalesce(
    (select b.id
       from hubspot_sync.hubspot_bookings b
      where b.booking_id = trim(p_booking_id) and not b.exempt),
    (select b.id
       from hubspot_sync.hubspot_bookings b
      where b.booking_id = trim(p_booking_id) and b.exempt
      order by b.id
      limit 1));
end;
$$;

comment on function hubspot_sync.find_booking(text) is
  'The id of the booking with this booking_id (blanks around ignored), or null.';
revoke execute on function hubspot_sync.find_booking(text) from public, anon, authenticated;
