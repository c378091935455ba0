-- Makes a booking id people can read out: 16 letters and digits, none like another.
create or replace function hubspot_sync.new_booking_id()
  returns text
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- The first eight digits of a version 4 uuid are random throughout.
  return 'BK-'
    || to_char(hubspot_sync.clock() at time zone hubspot_sync.setting('time_zone'), 'YYYYMMDD')
    || '-'
    || translate(left(gen_random_uuid()::text, 6), '0123456789abcdef', '3479ACDEFHJKMPRW');
end;
$$;

comment on function hubspot_sync.new_booking_id() is
  'BK-YYYYMMDD-XXXXXX: the day of booking in the business''s time zone and six of 16 letters '
  'and digits; not checked for being unused.';
revoke execute on function hubspot_sync.new_booking_id() from public, anon, authenticated;
