-- Does what somebody asked for by editing a booking's status or attendance in HubSpot, as the
-- booking functions would; where they would refuse, HubSpot is overwritten. Recorded either way.
--
-- HubSpot's users are administrators: no cut-off holds for them.
create or replace function hubspot_sync.apply_request(p_booking uuid, p_field text, p_value text)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_today date := (v_now at time zone hubspot_sync.setting('time_zone'))::date;
  v_booking hubspot_sync.hubspot_bookings;
  v_before text;
  v_refusal text;
begin
  select b.* into v_booking from hubspot_sync.hubspot_bookings b where b.id = p_booking;
  v_before := hubspot_sync.booking_properties(v_booking) ->> p_field;
  if p_field = 'is_active' then
    if p_value = 'Cancelled' and v_booking.is_active = 'Active' then
      perform from hubspot_sync.release_bookings(array[p_booking], 'cancelled in HubSpot');
    elsif p_value = 'Completed' and v_booking.is_active = 'Active'
          and v_booking.exam_date::date <= v_today then
      update hubspot_sync.hubspot_bookings b
         set is_active = 'Completed', updated_at = v_now
       where b.id = p_booking;
    else
      v_refusal := case
        when p_value = 'Completed' and v_booking.is_active = 'Active'
          then 'the exam is yet to come'
        when p_value = 'Active' then 'a seat is taken by booking again'
        else format('%s cannot become %s', v_booking.is_active, coalesce(p_value, 'empty')) end;
    end if;
  else
    begin
      perform from api.mark_attendance(
        v_booking.booking_id, coalesce(nullif(p_value, ''), 'Unknown'));
    exception
      when sqlstate '22023' or sqlstate 'MBSTA' or sqlstate 'MBERL' then
        v_refusal := sqlerrm;
    end;
  end if;
  insert into hubspot_sync.sync_conflicts
    (entity, record, field, postgres_value, hubspot_value, decision)
  values ('hubspot_bookings', p_booking, p_field, v_before, p_value,
          case when v_refusal is null then 'HubSpot''s: done as asked'
               else 'ours: not done, ' || v_refusal end);
  if v_refusal is not null then
    insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)
    values ('hubspot_bookings', p_booking, 'resend', jsonb_build_object(p_field, null));
  end if;
end;
$$;

comment on function hubspot_sync.apply_request(uuid, text, text) is
  'Applies an edit of is_active or attendance to a booking that is locked with its contact: '
  'Cancelled frees the seat and refunds, Completed and attendance from the day of the exam on. '
  'Anything else is overwritten in HubSpot. A row of sync_conflicts says which.';
revoke execute on function hubspot_sync.apply_request(uuid, text, text)
  from public, anon, authenticated;
