-- The booking here that a record of HubSpot's is of: by its id, else by its booking_id, if HubSpot
-- has no other record of that.
create or replace function hubspot_sync.find_known_booking(p_record jsonb)
  returns uuid
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id text := p_record ->> 'id';
  v_booking_id text := trim(p_record #>> '{properties,booking_id}');
  v_former text[] := string_to_array(p_record #>> '{properties,hs_merged_object_ids}', ';')
    || array(select a.value from jsonb_array_elements_text(
               case jsonb_typeof(p_record -> 'asked') when 'array' then p_record -> 'asked'
                    else '[]' end) a);
  v_booking record;
begin
  select b.id into v_booking from hubspot_sync.hubspot_bookings b where b.hubspot_id = v_id;
  if v_booking.id is not null then
    return v_booking.id;
  end if;
  select b.id, b.hubspot_id, b.deleted_at
    into v_booking
    from hubspot_sync.hubspot_bookings b
   where b.booking_id = v_booking_id and not b.exempt
      or b.booking_id = v_booking_id and b.exempt
   order by b.exempt
   limit 1;
  if v_booking.id is null then
    return null;
  elsif v_booking.hubspot_id is not null
        and v_booking.deleted_at is null
        and v_booking.hubspot_id <> all (coalesce(v_former, '{}')) then
    raise unique_violation;
  end if;
  -- What is known of the record before says nothing of how new this one is.
  update hubspot_sync.sync_shadow s
     set version = null, acknowledged = null, read_version = null
   where s.record = v_booking.id and v_booking.hubspot_id is not null;
  update hubspot_sync.hubspot_bookings b set hubspot_id = v_id where b.id = v_booking.id;
  return v_booking.id;
end;
$$;

comment on function hubspot_sync.find_known_booking(jsonb) is
  'The id of the booking a record is of, null when nobody here knows it; it is given HubSpot''s id '
  'where it has none, or where HubSpot merged or deleted the record it had. Raises 23505 when '
  'another record of HubSpot''s has the same booking_id.';
revoke execute on function hubspot_sync.find_known_booking(jsonb) from public, anon, authenticated;
