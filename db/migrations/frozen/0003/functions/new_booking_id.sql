-- Makes a booking id people can read out: no 0 and O, no 1 and I.
create or replace function hubspot_sync.new_booking_id()
  returns text
  language plpgsql
  volatile
  set search_path = ''
as $$
declare
  c_alphabet constant text := '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';
  -- The first six bytes of a version 4 uuid are random throughout.
  v_random bytea := uuid_send(gen_random_uuid());
  v_code text := '';
begin
  for i in 0..5 loop
    v_code := v_code || substr(c_alphabet, (get_byte(v_random, i) & 31) + 1, 1);
  end loop;
  return 'BK-'
    || to_char(hubspot_sync.clock() at time zone hubspot_sync.setting('time_zone'), 'YYYYMMDD')
    || '-' || v_code;
end;
$$;

comment on function hubspot_sync.new_booking_id() is
  'BK-YYYYMMDD-XXXXXX: the day of booking in the business''s time zone and six of 32 letters '
  'and digits; not checked for being unused.';
revoke execute on function hubspot_sync.new_booking_id() from public;
