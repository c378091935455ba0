-- Finds one booking: by id, else by HubSpot id, else by booking id.
create or replace function api.get_booking(
  p_id uuid default null,
  p_hubspot_id text default null,
  p_booking_id text default null
)
  returns api.booking
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_own text := hubspot_sync.caller_email();
  v_booking hubspot_sync.hubspot_bookings;
begin
  perform hubspot_sync.require_short(p_hubspot_id, p_booking_id);
  if p_id is not null then
    select b.* into v_booking
      from hubspot_sync.hubspot_bookings b
     where b.id = p_id;
  elsif nullif(trim(p_hubspot_id), '') is not null then
    select b.* into v_booking
      from hubspot_sync.hubspot_bookings b
     where b.hubspot_id = trim(p_hubspot_id);
  elsif nullif(trim(p_booking_id), '') is not null then
    select b.* into v_booking
      from hubspot_sync.hubspot_bookings b
     where b.id = hubspot_sync.find_booking(p_booking_id);
  else
    raise exception 'a booking is looked up by p_id, p_hubspot_id or p_booking_id'
      using errcode = '22023', hint = 'Give one of the three.';
  end if;
  -- To a student the bookings of others are not there, whether they are or not.
  if v_booking.id is null or lower(v_booking.student_email) <> v_own then
    raise exception 'no booking with %', coalesce(
      'id ' || p_id, 'HubSpot id ' || nullif(trim(p_hubspot_id), ''),
      'booking id ' || p_booking_id)
      using errcode = 'MBNOF', hint = 'Take booking_id from the answer that made it.';
  end if;
  return hubspot_sync.booking_answer(v_booking, null);
end;
$$;

comment on function api.get_booking(uuid, text, text) is
  'One booking, by p_id, else p_hubspot_id, else p_booking_id; replayed is null. A student sees '
  'their own. Raises 22023 when none is given, MBNOF when no booking matches, 42501 (not '
  'allowed).';
revoke execute on function api.get_booking(uuid, text, text) from public, anon, authenticated;
grant execute on function api.get_booking(uuid, text, text) to authenticated, service_role;
