-- Finds the booking a caller means and may touch, and locks its contact and then itself.
create or replace function hubspot_sync.lock_booking(p_booking_id text)
  returns hubspot_sync.hubspot_bookings
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_own text := hubspot_sync.caller_email();
  v_id uuid := hubspot_sync.find_booking(p_booking_id);
  v_booking hubspot_sync.hubspot_bookings;
begin
  perform hubspot_sync.require_short(p_booking_id);
  if coalesce(trim(p_booking_id), '') = '' then
    raise exception 'p_booking_id is missing'
      using errcode = '22023', hint = 'Take booking_id from the answer that made it.';
  end if;
  perform
     from hubspot_sync.hubspot_contact_credits c
    where c.id = (select b.contact from hubspot_sync.hubspot_bookings b
                   where b.id = v_id and (v_own is null or lower(b.student_email) = v_own))
      for no key update;
  select b.*
    into v_booking
    from hubspot_sync.hubspot_bookings b
   where b.id = v_id
     and (v_own is null or lower(b.student_email) = v_own)
     for no key update;
  -- A contact it was linked with while we waited: whoever has that may be waiting for us.
  perform from hubspot_sync.hubspot_contact_credits c
    where c.id = v_booking.contact
      for no key update nowait;
  if v_booking.id is null then
    raise exception 'booking % does not exist', p_booking_id
      using errcode = 'MBNOF', hint = 'Take booking_id from the answer that made it.';
  end if;
  return v_booking;
end;
$$;

comment on function hubspot_sync.lock_booking(text) is
  'A booking by its booking_id, locked with its contact until the end of the transaction; a '
  'student finds their own alone. Raises 22023 (argument missing), MBNOF (no such booking), '
  '42501 (not allowed).';
revoke execute on function hubspot_sync.lock_booking(text) from public, anon, authenticated;
